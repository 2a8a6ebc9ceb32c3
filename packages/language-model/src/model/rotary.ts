// Angles of rotary position embedding (Su et al., arXiv:2104.09864). T tokens, D width of a head.

import { type Tensor, tensor2d } from '@ps3js/tensor'
import type { LanguageModelConfig } from '../config.ts'

/** Cosines and sines of every token's angles: [T, D / 2] each. */
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
  const shape: [number, number] = [positions.length, half]
  return { cos: tensor2d(cos, shape), sin: tensor2d(sin, shape) }
}
