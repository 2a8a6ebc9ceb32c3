// The processor against recorded outputs of the reference's, and its configuration file.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { RgbImage } from '@ps3js/tensor'
import { ConfigError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { formulaImage } from '../../../../tools/formula-image.ts'
import { decodeImage } from './decode-image.ts'
import { ImageProcessor } from './image-processor.ts'
import { OPENAI_MEAN, OPENAI_STD } from './normalization.ts'
import { sameBytes } from './same-bytes.fixture.ts'

interface Case {
  input: string
  image_size: number
  output: string
  /** Large outputs are stored as this part of them. */
  crop_of_output?: { y0: number; x0: number; h: number; w: number }
  siglip_norm: { sha256_chw_f32le: string }
  openai_norm: { sha256_chw_f32le: string }
}

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/preprocess/${name}`, import.meta.url))
const { cases } = JSON.parse(readFileSync(fixture('cases.json'), 'utf8')) as { cases: Case[] }
const half = [0.5, 0.5, 0.5]
const sha256 = (values: Float32Array) =>
  createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')

function cropped({ width, data }: RgbImage, crop: Case['crop_of_output']): ArrayLike<number> {
  if (!crop) return data
  const rows = Array.from({ length: crop.h }, (_, row) => {
    const start = ((crop.y0 + row) * width + crop.x0) * 3
    return [...data.subarray(start, start + crop.w * 3)]
  })
  return rows.flat()
}

/** Plain RGB must agree in every bit. The others are converted before they are resized, not after. */
const exact = /in\/(rgb\.png|rgb\.jpg|big|wide|tiny|gray\.png)/

describe('ImageProcessor against the reference', () => {
  it.each(cases.filter(({ input }) => exact.test(input)))('$input at $image_size', async (recorded) => {
    const processor = new ImageProcessor({ image_size: recorded.image_size, mean: half, std: half })
    const image = processor.process(await decodeImage(fixture(recorded.input)))
    const expected = await decodeImage(fixture(recorded.output))
    expect(sameBytes(cropped(image, recorded.crop_of_output), expected.data)).toBe(true)
    expect(sha256(processor.normalize(image))).toBe(recorded.siglip_norm.sha256_chw_f32le)
    const openai = new ImageProcessor({ image_size: recorded.image_size })
    expect(sha256(openai.normalize(image))).toBe(recorded.openai_norm.sha256_chw_f32le)
  })

  it.each(cases.filter(({ input }) => input.includes('cmyk')))(
    '$input at $image_size, CMYK',
    async (recorded) => {
      const processor = new ImageProcessor({ image_size: recorded.image_size })
      const image = processor.process(await decodeImage(fixture(recorded.input)))
      const expected = await decodeImage(fixture(recorded.output))
      // Four inks are multiplied after resizing there, before it here: rounding of one level.
      for (let i = 0; i < image.data.length; i++) {
        const [ours, theirs] = [image.data[i]!, expected.data[i]!]
        if (Math.abs(ours - theirs) > 1) expect.fail(`byte ${i}: ${ours} against ${theirs}`)
      }
    },
  )
})

describe('ImageProcessor', () => {
  it('keeps the aspect on request', () => {
    const processor = new ImageProcessor({ image_size: 96 })
    expect(processor.process(formulaImage(30, 61), { keepAspect: true })).toMatchObject({
      width: 96,
      height: 47,
    })
    expect(processor.process(formulaImage(61, 30), { keepAspect: true })).toMatchObject({
      width: 47,
      height: 96,
    })
    expect(processor.process(formulaImage(1, 2000), { keepAspect: true })).toMatchObject({
      width: 96,
      height: 1,
    })
    expect(processor.process(formulaImage(30, 61))).toMatchObject({ width: 96, height: 96 })
  })

  it('takes height before width', () => {
    const processor = new ImageProcessor({ image_size: [10, 20], interpolation: 'bilinear' })
    expect(processor.process(formulaImage(30, 30))).toMatchObject({ height: 10, width: 20 })
  })

  it('fills in the defaults and writes what the exporter writes', () => {
    const processor = new ImageProcessor({ image_size: 378 })
    expect(processor.toJSON()).toEqual({
      image_size: [378, 378],
      mean: OPENAI_MEAN,
      std: OPENAI_STD,
      interpolation: 'bicubic',
      resize_mode: 'squash',
    })
    expect(Object.keys(processor.toJSON())).toEqual([
      'image_size',
      'mean',
      'std',
      'interpolation',
      'resize_mode',
    ])
    expect(new ImageProcessor(processor.toJSON()).toJSON()).toEqual(processor.toJSON())
    expect(new ImageProcessor({ image_size: 8, mean: 0.5, std: 0.25 })).toMatchObject({
      mean: half,
      std: [0.25, 0.25, 0.25],
    })
  })

  it('reads what save_pretrained writes', () => {
    const processor = new ImageProcessor({
      crop_size: { height: 224, width: 224 },
      image_mean: half,
      image_processor_type: 'PS3ImageProcessor',
      image_size: [224, 224],
      image_std: half,
      interpolation: 'random',
      mean: half,
      resize_mode: 'squash',
      size: { shortest_edge: 224 },
      std: half,
    })
    expect(processor.toJSON().interpolation).toBe('random')
    expect(processor.process(formulaImage(9, 9))).toMatchObject({ width: 224, height: 224 })
  })

  it('names every field that is wrong', () => {
    const read = (config: unknown) => () => new ImageProcessor(config as never)
    expect(read({ image_size: 378, rescale: true, resample: 3 })).toThrow(/rescale.*resample/)
    expect(read({})).toThrow(ConfigError)
    expect(read({})).toThrow(/image_size/)
    expect(read({ image_size: 0 })).toThrow(/image_size/)
    expect(read({ image_size: 8, std: [1, 1, 0] })).toThrow(/std/)
    expect(read({ image_size: 8, resize_mode: 'shortest' })).toThrow(/resize_mode/)
    expect(read({ image_size: 8, interpolation: 'lanczos' })).toThrow(/interpolation/)
    expect(read({ image_size: 8, mean: half, image_mean: [0, 0, 0] })).toThrow(
      /image_mean \[0,0,0\] contradicts mean/,
    )
    expect(read('text')).toThrow(ConfigError)
  })
})
