// Decoding in a real Chromium, against what Node decodes from the same files.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { beforeAll, expect, it } from 'vitest'
import { describeInChromium, runSourceInChromium } from '../../../../../tools/chromium/index.ts'
import { decodeImage } from '../../image/index.ts'
import type { PageResult } from './decode-page.fixture.ts'

const input = (name: string) =>
  fileURLToPath(new URL(`../../../fixtures/preprocess/in/${name}`, import.meta.url))
const inputs = {
  png: 'rgb.png',
  jpeg: 'rgb.jpg',
  turned: 'exif6.jpg',
  transparent: 'rgba.png',
  gray: 'gray.png',
}

describeInChromium('decodeImage in Chromium', () => {
  const files: Record<string, string> = {}
  let results: Record<string, PageResult>

  beforeAll(async () => {
    for (const [name, file] of Object.entries(inputs)) files[name] = readFileSync(input(file), 'base64')
    const tall = sharp({ create: { width: 3, height: 1300, channels: 3, background: '#0a0b0c' } })
    files.tall = (await tall.png().toBuffer()).toString('base64')
    const profiled = sharp(input('rgb.png')).withIccProfile('p3')
    files.profiled = (await profiled.png().toBuffer()).toString('base64')
    files.truncated = readFileSync(input('rgb.png')).subarray(0, 200).toString('base64')
    files.foreign = Buffer.from('no picture at all').toString('base64')
    results = await runSourceInChromium(new URL('./decode-page.fixture.ts', import.meta.url), {
      params: { files, limitPixels: 100 },
    })
  }, 120_000)

  const largestDifference = async (name: string) => {
    const ours = results[name]!
    const node = await decodeImage(Buffer.from(files[name]!, 'base64'))
    expect(ours.error).toBeUndefined()
    expect([ours.width, ours.height]).toEqual([node.width, node.height])
    return ours.data!.reduce((max, value, i) => Math.max(max, Math.abs(value - node.data[i]!)), 0)
  }

  it.each(['png', 'gray', 'tall', 'profiled'])('%s: the stored bytes', async (name) => {
    expect(await largestDifference(name)).toBe(0)
  })

  it.each(['jpeg', 'turned'])('%s: within two levels of libjpeg-turbo', async (name) => {
    // Skia may choose another chroma upsampling or inverse DCT than libvips' build.
    expect(await largestDifference(name)).toBeLessThanOrEqual(2)
  })

  it('transparent: over white, within one level', async () => {
    // The canvas composites premultiplied bytes.
    expect(await largestDifference('transparent')).toBeLessThanOrEqual(1)
  })

  it.each([
    'blob',
    'file',
    'buffer',
    'url',
    'data url',
    'ImageBitmap',
    'canvas',
    'ImageData',
    'OffscreenCanvas',
    'img',
  ])('reads a %s', (kind) => {
    expect(results[kind]!.error).toBeUndefined()
    expect(results[kind]!.data).toEqual(results.png!.data)
  })

  it.each([
    ['empty', /is empty/],
    ['truncated', /damaged, truncated/],
    ['foreign', /17 bytes\) is damaged/],
    ['limited', /193x131 = 25283 pixels, more than the limit of 100/],
    ['unloaded img', /cannot be drawn/],
  ])('%s: a typed error', (kind, message) => {
    expect(results[kind]).toMatchObject({ code: 'image', error: expect.stringMatching(message) })
  })

  it('names an address that is not there', () => {
    expect(results.absent).toMatchObject({ code: 'resource', error: expect.stringMatching(/absent\.png/) })
  })
})
