// From a raw sample to one that training takes. Source: NVlabs/PS3 (training data), in the same order of choices.

import { InvalidArgumentError } from '@ps3js/tensor'
import type { CropDecoder } from '../decode/decode-pool.ts'
import { pictureSize } from '../decode/picture-size.ts'
import type { RawSample, SampleRecord, TrainingSample } from '../types.ts'
import { type Box, cropBox, isVisible, regionMap, resizeBox } from './boxes.ts'
import { filterCaption, maskSentences, mergeCaptions } from './captions.ts'
import { canChoose, chooseCaptions, onlyVisible, without } from './choose.ts'
import { type Crop, type CropRange, drawCrop, PS3_CROP } from './crop.ts'
import type { Draws } from './draws.ts'

export interface SampleOptions {
  /** Side of the square picture in pixels: the model's largest scale. */
  size: number
  /** Probability of the global caption where a sample has boxes as well; null never takes it. Default 0.25. */
  globalCaptionProb?: number | null
  /** Boxes taken of each picture, with their captions merged into one. Default 1. */
  boxesPerSample?: number
  /** Most samples made of one picture, all from one crop; see `makeSamples`. Default 1. */
  captionsPerPicture?: number
  /** What crops are drawn from; null shows whole pictures, as for evaluation. Default the reference's `PS3_CROP`. */
  crop?: CropRange | null
  /** Whether captions keep a random run of their sentences only. Default true. */
  maskSentences?: boolean
}

/**
 * One departure from the reference: where the crop shows nothing of a chosen box, the whole picture is taken. The
 * reference goes on with an empty map, and its crop never shows the outer quarter of a 16:9 picture.
 *
 * With several captions a picture, the first is chosen as ever and decides the crop; the others are chosen from what is
 * left and visible in it. There may be fewer; they share one `image`.
 *
 * @returns at least one
 * @throws ImageError when the picture cannot be decoded, InvalidArgumentError when the record does not fit it
 */
export async function makeSamples(
  { key, picture, record }: RawSample,
  options: SampleOptions,
  draws: Draws,
  decode: CropDecoder,
): Promise<TrainingSample[]> {
  const { size, globalCaptionProb = 0.25, boxesPerSample = 1, captionsPerPicture = 1 } = options
  const { crop: range = PS3_CROP, maskSentences: isMasked = true } = options
  const { width, height } = await checkPicture({ picture, record })
  const choose = (from: SampleRecord) => chooseCaptions(from, { globalCaptionProb, boxesPerSample }, draws)
  const first = choose(record)
  const whole: Crop = { top: 0, left: 0, height, width }
  const drawn = range ? drawCrop(width, height, range, draws) : whole
  const crop = first.boxes.every((box) => isVisible(box, drawn)) ? drawn : whole
  const captioned = [{ ...first, caption: captionOf(first.captions, isMasked, draws) }]
  if (captioned[0]!.caption.trim() === '') {
    throw new InvalidArgumentError('nothing is left of its caption after the filters')
  }
  let left = without(record, first)
  for (let tries = 1; tries < captionsPerPicture; tries++) {
    left = onlyVisible(left, crop)
    if (!canChoose(left, globalCaptionProb)) break
    const next = choose(left)
    const caption = captionOf(next.captions, isMasked, draws)
    if (caption.trim() !== '') captioned.push({ ...next, caption })
    left = without(left, next)
  }
  const image = await decode(picture, crop, size)
  return captioned.map(({ caption, boxes, isGlobalText }) => {
    const moved = boxes.map((box) => resizeBox(cropBox(box, crop), crop, size, box.every(Number.isInteger)))
    return {
      key,
      image,
      boxes: moved.map((box) => [...box]),
      caption,
      isGlobalText,
      region: regionMap(isGlobalText ? [[0, 0, size, size]] : moved, size),
      ...(record.type != null && { type: record.type }),
    }
  })
}

/**
 * The picture's size, when its header can be read and every box lies at least partly in it.
 *
 * @throws ImageError, InvalidArgumentError
 */
export async function checkPicture({
  picture,
  record,
}: Pick<RawSample, 'picture' | 'record'>): Promise<{ width: number; height: number }> {
  const { width, height } = await pictureSize(picture)
  for (const [i, box] of (record.box ?? []).entries()) {
    if (isVisible(box as unknown as Box, { top: 0, left: 0, width, height })) continue
    throw new InvalidArgumentError(
      `box ${i} [${box.join(', ')}] lies outside its picture of ${width}x${height}`,
    )
  }
  return { width, height }
}

function captionOf(captions: readonly string[], isMasked: boolean, draws: Draws): string {
  const kept = captions.map(filterCaption).map((text) => (isMasked ? maskSentences(text, draws) : text))
  return mergeCaptions(kept, draws)
}
