// Replays recorded training pictures: crop and resize of picture and boxes, 0/1 maps, and how crops are drawn.

import { type Box, type Crop, cropBox, drawCrop, PS3_CROP, regionMap, resizeBox } from '@ps3js/data-pipeline'
import { decodeImage, type RgbImage, resizeBicubic } from '@ps3js/ps3-encoder'
import type { SafetensorsFile } from '@ps3js/tensor'
import { type RecordedDraw, RecordedDraws } from './recorded-draws.ts'
import { type CaseReport, caseReport, compare, compareExactly, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson, readTensors } from './store.ts'

interface BoxCase {
  id: number
  image: string
  out_size: number
  /** top, left, height, width; null for the whole picture. */
  crop: [number, number, number, number] | null
  boxes: Box[] | null
  is_global_text: boolean
  boxes_after: Box[]
  box_dtype: string
  ones: number
}

interface CropDraw {
  w: number
  h: number
  calls: ['uniform' | 'randint', number, number, number][]
  crop: Crop
}

interface BoxRecords {
  cases: BoxCase[]
  random_resized_crop?: { scale: [number, number]; ratio: [number, number]; draws: CropDraw[] }
}

export async function replayBoxes(store: FixtureStore): Promise<CaseReport[]> {
  const { cases, random_resized_crop: random } = await readJson<BoxRecords>(store, 'case.json')
  const tensors = await readTensors(store, 'tensors.safetensors')
  const reports: CaseReport[] = []
  for (const one of cases) {
    const name = `boxes ${one.id}`
    try {
      reports.push(caseReport(name, await compareCase(store, one, tensors)))
    } catch (error) {
      reports.push(caseReport(name, [failed('case', error)]))
    }
  }
  for (const draw of random?.draws ?? []) {
    reports.push(caseReport(`crop of ${draw.w}x${draw.h}`, [replayCrop(draw, { ...PS3_CROP, ...random })]))
  }
  return reports
}

async function compareCase(
  store: FixtureStore,
  { id, image: path, out_size: size, crop: recorded, ...one }: BoxCase,
  tensors: SafetensorsFile,
): Promise<OutputReport[]> {
  const image = await decodeImage(await store.readBytes(path))
  const [top, left, height, width] = recorded ?? [0, 0, image.height, image.width]
  const crop = { top, left, height, width }
  const isWhole = !one.box_dtype.includes('float')
  const boxes = one.is_global_text ? [[0, 0, image.width, image.height] as Box] : one.boxes!
  const moved = boxes.map((box) => resizeBox(recorded ? cropBox(box, crop) : box, crop, size, isWhole))
  const { data: map } = regionMap(moved, size)
  const ones = map.reduce((sum, value) => sum + value, 0)
  const outputs = [
    // The same float32 arithmetic: every bit.
    compare('boxes_after', moved.flat(), one.boxes_after.flat(), 0),
    compareExactly('ones', ones, one.ones),
    compare('map', map, await tensors.readFloat32(`${id}.map`), 0),
  ]
  if (tensors.names().includes(`${id}.image_u8`)) {
    const resized = resizeBicubic(cut(image, crop), size, size)
    outputs.push(compare('image_u8', planar(resized), await tensors.readFloat32(`${id}.image_u8`), 0))
  }
  return outputs
}

function replayCrop({ w, h, calls, crop }: CropDraw, range: typeof PS3_CROP): OutputReport {
  const draws = new RecordedDraws(
    calls.map(
      ([kind, low, high, value]): RecordedDraw =>
        // torch's randint leaves the upper bound out.
        kind === 'uniform' ? { kind, low, high, value } : { kind: 'integer', low, high: high - 1, value },
    ),
  )
  try {
    const drawn = drawCrop(w, h, range, draws)
    const ordered = ({ top, left, height, width }: Crop) => ({ top, left, height, width })
    return compareExactly('crop', [ordered(drawn), draws.left], [ordered(crop), 0])
  } catch (error) {
    return failed('crop', error)
  }
}

function cut({ data, width: stride }: RgbImage, { top, left, height, width }: Crop): RgbImage {
  const out = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * stride + left) * 3
    out.set(data.subarray(start, start + width * 3), y * width * 3)
  }
  return { width, height, data: out }
}

function planar({ data, width, height }: RgbImage): Uint8Array {
  const cells = width * height
  const out = new Uint8Array(3 * cells)
  for (let i = 0; i < cells; i++) for (let c = 0; c < 3; c++) out[c * cells + i] = data[3 * i + c]!
  return out
}
