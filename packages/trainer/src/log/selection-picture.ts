// Where a model looks, as one strip: the picture, what was asked for, and both maps of probabilities.

import type { ProbabilityMap } from '@ps3js/patch-selector'
import { type PS3Encoder, type RgbImage, resize } from '@ps3js/ps3-encoder'
import { TensorScope } from '@ps3js/tensor'
import { type PretrainBatch, sliceBatch } from '../pretrain/batch.ts'

/** Side of each of the four fields in pixels. */
const FIELD = 108

/** The first picture of a batch: picture | region | bottom-up | top-down; black is 0, white is 1. */
export async function selectionPicture(encoder: PS3Encoder, batch: PretrainBatch): Promise<RgbImage> {
  const { images, regions, tokenIds } = sliceBatch(batch, 0, 1)
  using scope = new TensorScope()
  const { prompt } = scope.track(encoder.text_model!.forward(tokenIds))
  const view = scope.track(await encoder.lowRes(images))
  const { bottomUp, topDown } = await view.probabilities(prompt)
  const fields = [
    resize(images[0]!, FIELD, FIELD, 'bilinear').data,
    gray(regions[0]!),
    gray(bottomUp[0]!),
    gray(topDown![0]!),
  ]
  const data = new Uint8Array(fields.length * FIELD * FIELD * 3)
  fields.forEach((field, i) => {
    for (let y = 0; y < FIELD; y++) {
      data.set(field.subarray(y * FIELD * 3, (y + 1) * FIELD * 3), (y * fields.length + i) * FIELD * 3)
    }
  })
  return { width: fields.length * FIELD, height: FIELD, data }
}

/** A map of 0..1 at the field's size, by nearest. */
function gray({ height, width, data }: ProbabilityMap): Uint8Array {
  const pixels = new Uint8Array(FIELD * FIELD * 3)
  for (let y = 0; y < FIELD; y++) {
    const row = Math.floor((y * height) / FIELD) * width
    for (let x = 0; x < FIELD; x++) {
      const value = Math.round(255 * data[row + Math.floor((x * width) / FIELD)]!)
      pixels.fill(value, (y * FIELD + x) * 3, (y * FIELD + x + 1) * 3)
    }
  }
  return pixels
}
