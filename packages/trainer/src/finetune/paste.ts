// A small picture on a large background, as VILA-HD learns from low-res questions where to look (arXiv:2503.19903,
// section 4): what is asked about has to be found first.

import type { Box } from '@ps3js/patch-selector'
import { type RgbImage, resize } from '@ps3js/ps3-encoder'
import type { Random } from '@ps3js/tensor'
import type { QuestionSample } from './rows.ts'

/** The pasted picture takes at most this share of the background's sides. */
const LARGEST = 0.5

/**
 * Questions about one picture, pasted somewhere onto a square of one colour: at its own size, or smaller where it would
 * not fit into half of it. Boxes move along; a question without boxes is about the whole pasted picture.
 *
 * @param side of the background, in pixels
 */
export function pasteQuestions(
  image: RgbImage,
  samples: readonly QuestionSample[],
  side: number,
  random: Random,
): QuestionSample[] {
  const factor = Math.min(1, (LARGEST * side) / Math.max(image.width, image.height))
  const [width, height] = [image.width, image.height].map((size) =>
    Math.max(1, Math.round(factor * size)),
  ) as [number, number]
  const small = resize(image, width, height, 'bicubic')
  const [left, top] = [random.integer(side - width + 1), random.integer(side - height + 1)]
  const data = new Uint8Array(side * side * 3)
  const color = [0, 1, 2].map(() => random.integer(256))
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3]!
  for (let row = 0; row < height; row++) {
    const line = small.data.subarray(row * width * 3, (row + 1) * width * 3)
    data.set(line, ((top + row) * side + left) * 3)
  }
  const pasted = { width: side, height: side, data }
  const [x, y] = [width / image.width, height / image.height]
  const move = ([x1, y1, x2, y2]: Box): Box => [left + x1 * x, top + y1 * y, left + x2 * x, top + y2 * y]
  const whole: Box = [left, top, left + width, top + height]
  return samples.map((sample) => ({
    ...sample,
    image: pasted,
    boxes: sample.boxes.length === 0 ? [whole] : sample.boxes.map(move),
    around: sample.around?.map(move),
    distractors: sample.distractors.map(move),
    minResolution: undefined,
  }))
}
