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
  /** Names the picture: samples of one picture are no counter-examples of each other. */
  key?: string
}

export function collate(samples: readonly CaptionedPicture[], tokenizer: Tokenizer): PretrainBatch {
  return {
    images: samples.map((sample) => sample.image),
    tokenIds: tokenizer.encode(samples.map((sample) => sample.caption)),
    regions: samples.map((sample) => sample.region),
    isGlobalText: samples.map((sample) => sample.isGlobalText),
    pictures: pictureNumbers(samples),
  }
}

/** One number per picture; a sample without a key is a picture of its own. */
function pictureNumbers(samples: readonly CaptionedPicture[]): number[] {
  const numbers = new Map<string, number>()
  return samples.map(({ key }, i) => {
    if (key === undefined) return i
    const number = numbers.get(key) ?? i
    numbers.set(key, number)
    return number
  })
}
