// Which pairs of images and texts belong together, a few rows at a time: never all pairs at once.

import { InvalidArgumentError, type Tensor, tensor2d } from '@ps3js/tensor'
import type { ContrastiveFeatures } from './features.ts'

export interface PairOptions {
  /**
   * Which picture each of the B samples shows, where several boxes of one picture are in a batch: two samples of one
   * picture are then neither a pair nor a counter-example (PS3 contrasts between pictures only). Any numbers will do.
   */
  pictures?: ArrayLike<number>
  /** Rows of pairs at a time: the loss then needs memory for chunkSize x B pairs, not B x B. Default: all rows. */
  chunkSize?: number
}

/** 1 where a row's column belongs to it, -1 where it does not, 0 where the pair is left out. */
export interface PairLabels {
  /** Rows [from, from + count) of the labels: [count, N]. */
  rows(from: number, count: number): Tensor
}

/** Labels of own samples against everybody's. Throws InvalidArgumentError for options that do not fit. */
export function pairLabels(
  loss: string,
  { imageFeatures, workers }: ContrastiveFeatures,
  { pictures, chunkSize }: PairOptions,
): PairLabels {
  const batch = imageFeatures.shape[0]!
  if (pictures && pictures.length !== batch) {
    throw new InvalidArgumentError(
      `${loss}: ${pictures.length} pictures for ${batch} samples: say of each sample which picture it shows`,
    )
  }
  if (chunkSize !== undefined && !(Number.isInteger(chunkSize) && chunkSize > 0)) {
    throw new InvalidArgumentError(`${loss}: chunkSize is ${chunkSize}, expected an integer of at least 1`)
  }
  const columns = batch * (workers?.imageFeatures.length ?? 1)
  const first = batch * (workers?.rank ?? 0)
  return {
    rows(from, count) {
      const values = new Float32Array(count * columns).fill(-1)
      for (let row = 0; row < count; row++) {
        const own = values.subarray(row * columns + first, row * columns + first + batch)
        if (pictures) leaveOut(own, pictures, from + row)
        own[from + row] = 1
      }
      return tensor2d(values, [count, columns])
    },
  }
}

function leaveOut(labels: Float32Array, pictures: ArrayLike<number>, sample: number): void {
  for (let i = 0; i < labels.length; i++) if (pictures[i] === pictures[sample]) labels[i] = 0
}
