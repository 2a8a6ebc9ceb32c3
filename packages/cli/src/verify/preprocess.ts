// Replays recorded pictures through the image processor: bytes must be equal, and so must their normalised values.

import {
  decodeImage,
  ImageProcessor,
  normalizationTable,
  OPENAI_MEAN,
  OPENAI_STD,
  type RgbImage,
} from '@ps3js/ps3-encoder'
import { departure } from './departures.ts'
import { exifOrientation } from './exif.ts'
import { type CaseReport, caseReport, compare, compareExactly, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson } from './store.ts'

interface PreprocessCase {
  input: string
  pil_mode: string
  image_size: number
  output: string
  crop_of_output?: { y0: number; x0: number; h: number; w: number }
  output_sha256_chw_u8?: string
  siglip_norm?: RecordedNorm
  openai_norm?: RecordedNorm
}

interface RecordedNorm {
  sha256_chw_f32le: string
  first8: number[]
}

/** JPEG decoders may round differently by one step, and resizing adds its own: pictures from JPEG get 2 of 255. */
const JPEG_TOLERANCE = 2
/** One float32 rounding of values up to 3. */
const NORM_TOLERANCE = 1e-6

export async function replayPreprocess(store: FixtureStore): Promise<CaseReport[]> {
  const { cases } = await readJson<{ cases: PreprocessCase[] }>(store, 'cases.json')
  const inputs = await store.list('in')
  const reports: CaseReport[] = []
  for (const recorded of cases) {
    reports.push(await replayCase(store, recorded))
    const decoded = `${recorded.input}.decoded.png`
    // The reference's own decoding, where recorded, separates decoders from resizing: then every byte must agree.
    // CMYK is left out: the reference resizes it before it becomes RGB.
    if (recorded.pil_mode === 'RGB' && inputs.includes(decoded.slice('in/'.length))) {
      const image = await decodeImage(await store.readBytes(decoded))
      const outputs = await compareProcessed(store, recorded, image, 0)
      reports.push(caseReport(`${recorded.input} at ${recorded.image_size} (recorded decoding)`, outputs))
    }
  }
  return reports
}

async function replayCase(store: FixtureStore, recorded: PreprocessCase): Promise<CaseReport> {
  const name = `${recorded.input} at ${recorded.image_size}`
  try {
    const bytes = await store.readBytes(recorded.input)
    const exif = exifOrientation(bytes) > 1
    const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8
    const outputs = await compareProcessed(
      store,
      recorded,
      await decodeImage(bytes),
      isJpeg ? JPEG_TOLERANCE : 0,
    )
    const reason = departure('preprocess', { pil_mode: recorded.pil_mode, exif })?.reason
    if (!reason || outputs.every((output) => output.ok)) return caseReport(name, outputs)
    return caseReport(name, [compareExactly('decoded', true, true)], reason)
  } catch (error) {
    return caseReport(name, [failed('picture', error)])
  }
}

async function compareProcessed(
  store: FixtureStore,
  recorded: PreprocessCase,
  image: RgbImage,
  tolerance: number,
): Promise<OutputReport[]> {
  const { image_size, crop_of_output: crop, output, output_sha256_chw_u8 } = recorded
  const processed = new ImageProcessor({ image_size }).process(image)
  const want = await decodeImage(await store.readBytes(output))
  const outputs = [compare('bytes', (crop ? cropped(processed, crop) : processed).data, want.data, tolerance)]
  const exact = tolerance === 0
  if (exact && output_sha256_chw_u8) {
    outputs.push(compareExactly('sha256 of all bytes', await sha256(planar(processed)), output_sha256_chw_u8))
  }
  const norms = [
    ['siglip_norm', recorded.siglip_norm, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]],
    ['openai_norm', recorded.openai_norm, OPENAI_MEAN, OPENAI_STD],
  ] as const
  for (const [name, norm, mean, std] of norms) {
    if (!norm || !exact) continue
    const values = normalized(processed, mean, std)
    outputs.push(compare(`${name}, first 8`, values.subarray(0, 8), norm.first8, NORM_TOLERANCE))
    outputs.push(compareExactly(`${name}, sha256`, await sha256(values), norm.sha256_chw_f32le))
  }
  return outputs
}

function cropped(
  { data, width }: RgbImage,
  { y0, x0, h, w }: { y0: number; x0: number; h: number; w: number },
): RgbImage {
  const out = new Uint8Array(h * w * 3)
  for (let row = 0; row < h; row++) {
    const start = ((y0 + row) * width + x0) * 3
    out.set(data.subarray(start, start + w * 3), row * w * 3)
  }
  return { width: w, height: h, data: out }
}

function planar({ data, width, height }: RgbImage): Uint8Array<ArrayBuffer> {
  const cells = width * height
  const out = new Uint8Array(3 * cells)
  for (let i = 0; i < cells; i++) for (let c = 0; c < 3; c++) out[c * cells + i] = data[3 * i + c]!
  return out
}

function normalized(
  image: RgbImage,
  mean: readonly number[],
  std: readonly number[],
): Float32Array<ArrayBuffer> {
  const table = normalizationTable(mean, std)
  const bytes = planar(image)
  const cells = image.width * image.height
  const out = new Float32Array(bytes.length)
  for (let c = 0, i = 0; c < 3; c++)
    for (const end = (c + 1) * cells; i < end; i++) out[i] = table[c * 256 + bytes[i]!]!
  return out
}

async function sha256(values: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', values))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
