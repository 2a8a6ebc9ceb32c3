// Checks of arguments at the border of an op: before anything is allocated, with both shapes in the message.

import { InvalidArgumentError } from '../errors.ts'
import type { Tensor } from '../tf.ts'

/** `wanted` gives a size or a letter per axis; a letter stands for any size. */
export function checkShape(op: string, name: string, x: Tensor, wanted: readonly (number | string)[]): void {
  const fits =
    x.rank === wanted.length &&
    wanted.every((size, axis) => typeof size === 'string' || size === x.shape[axis])
  if (fits) return
  throw new InvalidArgumentError(`${op}: ${name} is [${x.shape.join(', ')}], expected [${wanted.join(', ')}]`)
}

export function checkPositiveInteger(op: string, name: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return
  throw new InvalidArgumentError(`${op}: ${name} is ${value}, expected an integer of at least 1`)
}

/** Every index must be one of `size` rows: backends differ in what they read beyond. */
export function checkRows(op: string, indices: Int32Array | readonly number[], size: number): void {
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!
    if (Number.isInteger(row) && row >= 0 && row < size) continue
    throw new InvalidArgumentError(`${op}: row ${row} (at ${i} of ${indices.length}) is not one of ${size}`)
  }
}
