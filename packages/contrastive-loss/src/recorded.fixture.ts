// Recorded losses and gradients of the reference, and how near to them a result must be.
import { readFileSync } from 'node:fs'
import { bytesSource, openSafetensors, type Tensor, tensor, tensorData } from '@ps3js/tensor'
import { expect } from 'vitest'

export interface Recorded {
  names: string[]
  shape: (name: string) => readonly number[]
  values: (name: string) => Promise<Float32Array>
  /** A new tensor of the recorded values. */
  tensor: (name: string) => Promise<Tensor>
  /** What case.json says. */
  info: { weights?: { prior: number; topdown: number }; impl?: string }
}

export async function readRecorded(name: string): Promise<Recorded> {
  const read = (file: string) => readFileSync(new URL(`../fixtures/${name}/${file}`, import.meta.url))
  const file = await openSafetensors(bytesSource(new Uint8Array(read('tensors.safetensors'))))
  return {
    names: file.names(),
    shape: (tensorName) => file.info(tensorName).shape,
    values: (tensorName) => file.readFloat32(tensorName),
    tensor: async (tensorName) =>
      tensor(await file.readFloat32(tensorName), [...file.info(tensorName).shape]),
    info: JSON.parse(read('case.json').toString()),
  }
}

/** Below this, differences of a float64 function are noise. */
const NOTHING = 1e-6

/**
 * Largest difference, each relative to the value itself or, where terms cancel, to the root mean square of the middle
 * values: a clamped logarithm can make single slopes a million times as large as all others.
 */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length)
  const sizes = Float64Array.from(want, Math.abs).sort()
  const typical = sizes[Math.floor(sizes.length / 2)]!
  let worst = 0
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i]! - want[i]!)
    const relative = difference === 0 ? 0 : difference / Math.max(Math.abs(want[i]!), typical, NOTHING)
    if (!(relative <= worst)) worst = relative
  }
  return worst
}

export async function expectClose(
  got: Tensor,
  want: ArrayLike<number>,
  tolerance: number,
  name = '',
): Promise<void> {
  expect(relativeError(await tensorData(got), want), name).toBeLessThanOrEqual(tolerance)
}
