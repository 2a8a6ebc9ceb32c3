// Picture i of a dataset as its shard holds it: JPEG bytes and a record.
import { type Canvas, createCanvas, ImageData } from '@napi-rs/canvas'
import type { SampleRecord } from '@ps3js/data-pipeline'
import type { Random } from '@ps3js/tensor'
import { drawMarks } from '../../marks.ts'
import type { PictureKind } from '../../options.ts'
import { askQuestions } from '../../questions.ts'
import { pictureRandom } from '../../seeding.ts'
import { drawShapes } from '../../shapes.ts'
import type { RgbPicture, Split, SynthObject } from '../../types.ts'
import { drawOnCanvas } from './draw.ts'

export interface DatasetSettings {
  kind: PictureKind
  width: number
  height: number
  seed: number
  split: Split
  /** About each picture; left out for none. */
  questions?: number
}

export interface EncodedPicture {
  /** JPEG. */
  picture: Uint8Array
  record: SampleRecord
}

const JPEG_QUALITY = 92

export async function encodePicture(settings: DatasetSettings, index: number): Promise<EncodedPicture> {
  const { seed, questions } = settings
  const random = pictureRandom(seed, index)
  const { canvas, ...truth } = await draw(settings, random)
  const picture = canvas.encodeSync('jpeg', JPEG_QUALITY)
  const record = recordOf(settings, truth)
  if (questions === undefined) return { picture, record }
  const longSide = Math.max(settings.width, settings.height)
  const asked = askQuestions(truth.objects, { kind: settings.kind, random, count: questions, longSide })
  return { picture, record: { ...record, questions: asked } }
}

interface Truth {
  objects: readonly SynthObject[]
  globalCaption: string
  domain: string
}

async function draw(
  { kind, width, height, split }: DatasetSettings,
  random: Random,
): Promise<Truth & { canvas: Canvas }> {
  if (kind === 'scenes' || kind === 'documents') return drawOnCanvas(kind, { random, width, height, split })
  const drawSquare = kind === 'shapes' ? drawShapes : drawMarks
  const { image, ...truth } = drawSquare({ random, size: width, split })
  return { canvas: toCanvas(image), ...truth, domain: kind }
}

/** The reference's four fields; its reader ignores the others. */
function recordOf(
  { kind, width, height, split }: DatasetSettings,
  { objects, globalCaption, domain }: Truth,
): SampleRecord {
  const record = {
    text: objects.map(({ caption }) => caption),
    box: objects.map(({ box }) => box),
    global_text: globalCaption,
    type: kind,
    domain,
    width,
    height,
    split,
    // In the order of text and box.
    objects: objects.map(({ kind, color, text, minResolution }) => ({
      kind,
      color,
      text,
      minResolution,
      split,
    })),
  }
  return record
}

function toCanvas({ width, height, data }: RgbPicture) {
  const rgba = new Uint8ClampedArray(width * height * 4)
  for (let i = 0, j = 0; i < data.length; i += 3, j += 4) {
    rgba[j] = data[i]!
    rgba[j + 1] = data[i + 1]!
    rgba[j + 2] = data[i + 2]!
    rgba[j + 3] = 255
  }
  const canvas = createCanvas(width, height)
  canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0)
  return canvas
}
