// One training sample: picture, boxes and map move together; what departs from the reference is shown.

import { ImageError, Random, resizeBicubic } from '@ps3js/tensor'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { DecodePool } from '../decode/decode-pool.ts'
import { record } from '../read/tars.fixture.ts'
import type { RawSample } from '../types.ts'
import { type Draws, generatorFor, randomDraws } from './draws.ts'
import { makeSamples, type SampleOptions } from './make-sample.ts'

/** Black, with a white rectangle [x1, y1, x2, y2]. */
async function rectangle(width: number, height: number, [x1, y1, x2, y2]: number[]): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 3)
  for (let y = y1!; y < y2!; y++) data.fill(255, (y * width + x1!) * 3, (y * width + x2!) * 3)
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

const pool = new DecodePool(1)
const { decode } = pool
afterAll(() => pool.close())

const draws = (seed: number): Draws => randomDraws(new Random(seed))

/** The first of a picture's samples. */
async function makeSample(raw: RawSample, options: SampleOptions, draws: Draws, decoder = decode) {
  return (await makeSamples(raw, options, draws, decoder))[0]!
}

async function sampleOf(picture: Uint8Array, box: number[][], seed = 1) {
  const raw: RawSample = { key: 'k', picture, record: { text: box.map((_, i) => `Box ${i}.`), box } }
  return makeSample(raw, { size: 100, boxesPerSample: box.length }, draws(seed), decode)
}

describe('makeSample', () => {
  it.each([1, 2, 3, 4])('moves picture, box and map together (seed %d)', async (seed) => {
    const box = [60, 40, 120, 100]
    const { image, region, boxes, caption, isGlobalText } = await sampleOf(
      await rectangle(200, 180, box),
      [box],
      seed,
    )
    expect([caption, isGlobalText, boxes.length]).toEqual(['Box 0.', false, 1])
    let inside = 0
    for (let i = 0; i < region.data.length; i++) {
      const bright = image.data[i * 3]! > 200
      // The map may reach two cells further (ends included, and a cell lit in part); it must hold all that is bright.
      if (bright) expect(region.data[i]).toBe(1)
      if (region.data[i] === 1) inside += bright ? 1 : 0
    }
    const ones = region.data.reduce((sum, value) => sum + value, 0)
    expect(inside / ones).toBeGreaterThan(0.85)
  })

  it('unites several boxes, and merges their captions', async () => {
    const { region, boxes, caption } = await sampleOf(await rectangle(100, 100, [0, 0, 9, 9]), [
      [40, 40, 45, 45],
      [60, 60, 65, 65],
    ])
    const ones = region.data.reduce((sum, value) => sum + value, 0)
    expect(boxes).toHaveLength(2)
    expect(ones).toBeGreaterThan(2 * 36 - 1)
    expect(ones).toBeLessThan(2 * 81)
    expect(caption).toMatch(/^Box [01]\.$/)
  })

  it('takes the whole picture where the crop would cut a box away', async () => {
    const box = [0, 10, 10, 20]
    const wide = await rectangle(320, 90, box)
    const { image, region, boxes } = await sampleOf(wide, [box])
    expect(boxes).toEqual([[0, 11, 3, 22]])
    expect(region.data[15 * 100]).toBe(1)
    expect(image.data[15 * 300]).toBeGreaterThan(200)
  })

  it('takes the global caption with its probability, and 1 everywhere', async () => {
    const raw: RawSample = { key: 'k', picture: await rectangle(64, 48, [0, 0, 9, 9]), record: record(1) }
    let globals = 0
    for (let i = 0; i < 200; i++) {
      const made = await makeSample(raw, { size: 8 }, randomDraws(generatorFor(1, 0, i)), decode)
      if (!made.isGlobalText) continue
      globals++
      expect(made.region.data.every((value) => value === 1)).toBe(true)
      expect(made.boxes).toEqual([])
    }
    // 200 draws of 0.25: 50, and three standard deviations of 6.1.
    expect(Math.abs(globals - 50)).toBeLessThan(19)
  })

  it('turns pictures upright first, drops alpha on white and unfolds grey', async () => {
    const raw = await sharp(await rectangle(40, 20, [0, 0, 10, 20]))
      .jpeg({ quality: 100 })
      .withMetadata({ orientation: 6 })
      .toBuffer()
    const upright = await makeSample(
      { key: 'k', picture: raw, record: { text: ['top'], box: [[0, 0, 20, 10]] } },
      { size: 40, crop: null },
      draws(1),
      decode,
    )
    // Rotated by a quarter: what was on the left is on top.
    expect(upright.image.data[5 * 120 + 60]).toBeGreaterThan(240)
    expect(upright.image.data[30 * 120 + 60]).toBeLessThan(15)
    const clear = await sharp({ create: { width: 9, height: 9, channels: 4, background: '#00000000' } })
      .png()
      .toBuffer()
    const grey = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#777777' } })
      .greyscale()
      .png()
      .toBuffer()
    const whole = { top: 0, left: 0, width: 9, height: 9 }
    expect(new Set((await decode(clear, whole, 4)).data)).toEqual(new Set([255]))
    expect(new Set((await decode(grey, whole, 4)).data)).toEqual(new Set([0x77]))
  })
})

describe('several captions of one picture', () => {
  /** Four boxes in the middle, one at the edge of a wide picture, where few crops go. */
  const box = [
    [150, 30, 160, 40],
    [140, 50, 170, 60],
    [165, 25, 175, 45],
    [150, 40, 158, 48],
    [0, 0, 8, 8],
  ]
  const text = box.map((_, i) => `Box ${i}.`)
  const options = { size: 40, captionsPerPicture: 8 }
  const samplesOf = async (seed: number, more: object = {}, change: object = {}) => {
    const picture = await rectangle(320, 90, [0, 0, 8, 8])
    const raw: RawSample = { key: 'k', picture, record: { text, box, global_text: 'All.', ...change } }
    return makeSamples(raw, { ...options, ...more }, draws(seed), decode)
  }

  it('share one crop, say different things, and begin with what would be chosen alone', async () => {
    let cropped = 0
    for (let seed = 0; seed < 8; seed++) {
      const made = await samplesOf(seed)
      expect(new Set(made.map(({ image }) => image)).size).toBe(1)
      expect(new Set(made.map(({ caption }) => caption)).size).toBe(made.length)
      expect(await samplesOf(seed, { captionsPerPicture: 1 + (seed % 3) })).toEqual(
        made.slice(0, 1 + (seed % 3)),
      )
      for (const { boxes, isGlobalText, region, caption } of made) {
        expect(isGlobalText).toBe(caption === 'All.')
        // What the picture shows nothing of is not asked about.
        for (const [x1, y1, x2, y2] of boxes) expect(x1! < 40 && x2! > 0 && y1! < 40 && y2! > 0).toBe(true)
        expect(region.data.some((value) => value === 1)).toBe(true)
      }
      if (!made.some(({ caption }) => caption === 'Box 4.')) cropped++
      expect(made.length).toBeGreaterThanOrEqual(5)
      expect(made.length).toBeLessThanOrEqual(6)
    }
    expect(cropped).toBeGreaterThan(1)
    expect(cropped).toBeLessThan(8)
  })

  it('are as many as there are, with several boxes each and without a global caption too', async () => {
    const pairs = await samplesOf(1, { boxesPerSample: 2, crop: null }, { global_text: undefined })
    expect(pairs.map(({ boxes }) => boxes.length)).toEqual([2, 2, 1])
    const never = await samplesOf(1, { globalCaptionProb: null, crop: null })
    expect(never.map(({ isGlobalText }) => isGlobalText)).toEqual(Array(5).fill(false))
    const only = await samplesOf(1, {}, { text: [], box: [] })
    expect(only.map(({ caption }) => caption)).toEqual(['All.'])
    const blank = await samplesOf(
      1,
      { crop: null },
      { text: ['The image is a close-up of', ...text.slice(1)] },
    ).catch((error: unknown) => error)
    if (Array.isArray(blank)) expect(blank.every(({ caption }) => caption.trim() !== '')).toBe(true)
    else expect(String(blank)).toContain('nothing is left of its caption')
  })
})

describe('DecodePool', () => {
  const random = new Random(5)
  const sizes = Array.from({ length: 40 }, () => [
    1 + random.integer(150),
    1 + random.integer(90),
    1 + random.integer(130),
  ])

  it.each([[300, 200, 84], [90, 60, 150], [7, 640, 60], ...sizes])(
    'resizes as Pillow does, to the last bit: %d x %d to %d',
    async (width, height, size) => {
      const data = new Uint8Array(width! * height! * 3)
      for (let i = 0; i < data.length; i++) data[i] = random.uint32() & 3 ? random.uint32() & 255 : 255
      const png = await sharp(data, { raw: { width: width!, height: height!, channels: 3 } })
        .png()
        .toBuffer()
      const got = await decode(png, { top: 0, left: 0, width: width!, height: height! }, size!)
      // `resize` is held to Pillow's own results by its tests.
      const want = resizeBicubic({ width: width!, height: height!, data }, size!, size!)
      expect(Buffer.from(got.data).compare(want.data as Uint8Array)).toBe(0)
    },
  )

  it('cuts before it resizes, so that nothing bleeds in', async () => {
    const png = await rectangle(60, 60, [20, 20, 40, 40])
    const got = await decode(png, { top: 20, left: 20, width: 20, height: 20 }, 33)
    expect(new Set(got.data)).toEqual(new Set([255]))
  })

  it('refuses damaged pictures and sizes beyond its memory, and goes on', async () => {
    const png = await rectangle(60, 60, [0, 0, 9, 9])
    const whole = { top: 0, left: 0, width: 60, height: 60 }
    await expect(decode(png.subarray(0, 60), whole, 8)).rejects.toThrow(ImageError)
    await expect(decode(png, whole, 30_000)).rejects.toThrow(/too large to resize/)
    expect((await decode(png, whole, 8)).data).toHaveLength(192)
  })

  it('ends in the middle of its work', async () => {
    const other = new DecodePool(1)
    const unfinished = other.decode(
      await rectangle(2000, 2000, [0, 0, 9, 9]),
      { top: 0, left: 0, width: 2000, height: 2000 },
      900,
    )
    const failure = expect(unfinished).rejects.toThrow(/ended before its work/)
    await other.close()
    await failure
  })
})
