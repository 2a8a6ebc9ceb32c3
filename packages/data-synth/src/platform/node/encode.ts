// Picture i of a dataset as its shard holds it: JPEG bytes and a record.
import { createCanvas, ImageData } from '@napi-rs/canvas'
import type { SampleRecord } from '@ps3js/data-pipeline'
import type { PictureKind } from '../../options.ts'
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
}

export interface EncodedPicture {
  /** JPEG. */
  picture: Uint8Array
  record: SampleRecord
}

const JPEG_QUALITY = 92

export async function encodePicture(settings: DatasetSettings, index: number): Promise<EncodedPicture> {
  const { kind, width, height, seed, split } = settings
  const random = pictureRandom(seed, index)
  if (kind === 'shapes') {
    const { image, objects, globalCaption } = drawShapes({ random, size: width, split })
    return {
      picture: toCanvas(image).encodeSync('jpeg', JPEG_QUALITY),
      record: recordOf(settings, objects, globalCaption, kind),
    }
  }
  const { canvas, objects, globalCaption, domain } = await drawOnCanvas(kind, {
    random,
    width,
    height,
    split,
  })
  return {
    picture: canvas.encodeSync('jpeg', JPEG_QUALITY),
    record: recordOf(settings, objects, globalCaption, domain),
  }
}

/** The reference's four fields; its reader ignores the others. */
function recordOf(
  { kind, width, height, split }: DatasetSettings,
  objects: readonly SynthObject[],
  globalCaption: string,
  domain: string,
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
