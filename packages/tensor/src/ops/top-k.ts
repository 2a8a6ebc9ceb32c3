// Stable top-k. Backends order equal values each in its own way, so the order is made here.

import type { Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'

/** The `k` largest values, largest first, the lowest index first among equals. NaN counts as smallest. */
export function stableTopK(
  values: ArrayLike<number>,
  k: number,
): { values: Float32Array; indices: Int32Array } {
  if (!Number.isInteger(k) || k < 0 || k > values.length) {
    throw new InvalidArgumentError(`top-k: k is ${k}, but there are ${values.length} values`)
  }
  const key = (i: number) => (Number.isNaN(values[i]!) ? Number.NEGATIVE_INFINITY : values[i]!)
  const order = Int32Array.from({ length: values.length }, (_, i) => i)
  order.sort((a, b) => (key(b) > key(a) ? 1 : key(b) < key(a) ? -1 : a - b))
  const indices = order.slice(0, k)
  return { indices, values: Float32Array.from(indices, (i) => values[i]!) }
}

/** Stable top-k over the last axis of a tensor. [..., M] -> rows of k, row-major over the leading axes */
export async function topK(x: Tensor, k: number): Promise<{ values: Float32Array; indices: Int32Array }[]> {
  const data = (await x.data()) as Float32Array
  const width = x.shape[x.rank - 1] ?? 1
  return Array.from({ length: data.length / width }, (_, row) =>
    stableTopK(data.subarray(row * width, (row + 1) * width), k),
  )
}
