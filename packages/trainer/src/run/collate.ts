// Samples into the batch that a training step is computed from.

import type { RegionMap, RgbImage, Tokenizer } from '@ps3js/ps3-encoder'
import type { PretrainBatch } from '../pretrain/batch.ts'

/** A picture, what is said of it, and where that is. */
export interface CaptionedPicture {
  image: RgbImage
  caption: string
  /** 1 where the caption is about, 0 elsewhere; of any size, but one size in a batch. */
  region: RegionMap
  isGlobalText: boolean
}

export function collate(samples: readonly CaptionedPicture[], tokenizer: Tokenizer): PretrainBatch {
  return {
    images: samples.map((sample) => sample.image),
    tokenIds: tokenizer.encode(samples.map((sample) => sample.caption)),
    regions: samples.map((sample) => sample.region),
    isGlobalText: samples.map((sample) => sample.isGlobalText),
  }
}
