// Rotary position embedding, in the halves layout of transformers (Su et al., arXiv:2104.09864).
// T tokens, H heads, D width of a head.

import { add, concat, mul, split, sub, type Tensor, tensor3d, tidy } from '@ps3js/tensor'
import type { LanguageModelConfig } from '../config.ts'

/** Cosines and sines of every token's angles: [T, 1, D / 2] each. */
export interface RotaryTables {
  cos: Tensor
  sin: Tensor
}

/** The tables for tokens at these positions, rounded where transformers rounds to float32. */
export function rotaryTables(
  positions: readonly number[],
  { headDim, ropeTheta, ropeFactor }: Pick<LanguageModelConfig, 'headDim' | 'ropeTheta' | 'ropeFactor'>,
): RotaryTables {
  const half = headDim / 2
  const frequencies = Float32Array.from(
    { length: half },
    (_, i) => 1 / Math.fround(ropeTheta ** Math.fround((2 * i) / headDim)) / ropeFactor,
  )
  const cos = new Float32Array(positions.length * half)
  const sin = new Float32Array(positions.length * half)
  positions.forEach((position, t) => {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!)
      cos[t * half + i] = Math.cos(angle)
      sin[t * half + i] = Math.sin(angle)
    }
  })
  const shape: [number, number, number] = [positions.length, 1, half]
  return { cos: tensor3d(cos, shape), sin: tensor3d(sin, shape) }
}

/** Turns every head by its token's angles: element i with element i + D / 2. x [T, H, D] -> [T, H, D] */
export function rotate(x: Tensor, { cos, sin }: RotaryTables): Tensor {
  return tidy(() => {
    const [a, b] = split(x, 2, 2) as [Tensor, Tensor]
    return concat([sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin))], 2)
  })
}
