// What one pre-training step is computed from.

import type { RegionMap, RgbImage } from '@ps3js/ps3-encoder'
import { InvalidArgumentError } from '@ps3js/tensor'

/** One entry per sample everywhere. */
export interface PretrainBatch {
  /** Equally large pictures. One that several samples share (the same object) is computed once, for all their captions. */
  readonly images: readonly RgbImage[]
  /** Captions as rows of token ids, all of one length. */
  readonly tokenIds: readonly Int32Array[]
  /** Where the caption is about: 0..1 at any resolution, all of one size. */
  readonly regions: readonly RegionMap[]
  /** Captions of the whole picture: no box supervision, and the low-res feature is compared. */
  readonly isGlobalText: readonly boolean[]
  /**
   * Which picture each sample shows, where several boxes of one picture are in a batch: such samples are no
   * counter-examples of each other. Without it all are (the paper's intra-image negatives).
   */
  readonly pictures?: readonly number[]
}

/** Throws InvalidArgumentError when the parts are not of one length. */
export function checkBatch(batch: PretrainBatch): void {
  const { images, tokenIds, regions, isGlobalText, pictures = images } = batch
  const count = images.length
  if (count === 0) throw new InvalidArgumentError('a batch needs at least one sample')
  for (const [name, { length }] of Object.entries({ tokenIds, regions, isGlobalText, pictures })) {
    if (length !== count)
      throw new InvalidArgumentError(`${count} images, but ${length} ${name}: give one each`)
  }
}

/** Samples [start, end). */
export function sliceBatch(batch: PretrainBatch, start: number, end: number): PretrainBatch {
  return {
    images: batch.images.slice(start, end),
    tokenIds: batch.tokenIds.slice(start, end),
    regions: batch.regions.slice(start, end),
    isGlobalText: batch.isGlobalText.slice(start, end),
  }
}
