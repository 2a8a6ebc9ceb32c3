// One picture of any kind, with everything that is true about it.
import type { Random } from '@ps3js/tensor'
import { drawMarks } from './marks.ts'
import { checkSize, type PictureKind } from './options.ts'
import { drawShapes } from './shapes.ts'
import type { RgbPicture, Split, SynthObject } from './types.ts'

export interface DrawPictureOptions {
  kind: PictureKind
  random: Random
  /** In pixels. 512 to 8192, shapes from 64; shapes and marks are square. */
  width: number
  height: number
  split?: Split
}

export interface SynthPicture {
  image: RgbPicture
  objects: SynthObject[]
  globalCaption: string
  /** Of scenes: driving, household, gaming, interfaces. Of documents: article, receipt, form, table, chart. */
  domain: string
}

/**
 * Draws one picture. Scenes and documents need Node; shapes and marks are also drawn in browsers
 * (`drawShapes` and `drawMarks`, synchronously).
 * @throws InvalidArgumentError for a size that is too small or too large, and for scenes and documents in a browser
 */
export async function drawPicture(options: DrawPictureOptions): Promise<SynthPicture> {
  const { kind, random, width, height, split = 'train' } = options
  checkSize(kind, width, height)
  if (kind === 'shapes') return { ...drawShapes({ random, size: width, split }), domain: kind }
  if (kind === 'marks') return { ...drawMarks({ random, size: width, split }), domain: kind }
  const { drawOnCanvas, rgbOf } = await import('#platform')
  const { canvas, ...truth } = await drawOnCanvas(kind, { random, width, height, split })
  return { image: rgbOf(canvas), ...truth }
}
