// Decoding in Node: against Pillow's decoder, formats written here, and broken or hostile files.

import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ImageError, InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formulaImage } from '../../../../tools/formula-image.ts'
import { decodeImage } from './decode-image.ts'
import { sameBytes } from './same-bytes.fixture.ts'

const input = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/preprocess/in/${name}`, import.meta.url))
const picture = formulaImage(40, 56)
const raw = () => sharp(new Uint8Array(picture.data), { raw: { width: 56, height: 40, channels: 3 } })

async function rawPixels(path: string): Promise<Uint8Array> {
  return new Uint8Array(await sharp(path).raw().toBuffer())
}

/** Pixels of `channels` 16-bit samples as a PNG. */
function png16(width: number, height: number, channels: 1 | 2 | 3 | 4, samples: number[]): Promise<Buffer> {
  const space = channels < 3 ? 'grey16' : 'rgb16'
  return sharp(Uint16Array.from(samples), { raw: { width, height, channels } })
    .toColourspace(space)
    .png()
    .toBuffer()
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ps3-decode-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('decodeImage against Pillow', () => {
  it.each(['rgb.jpg', 'cmyk.jpg'])('decodes %s to the same bytes', async (name) => {
    const { data } = await decodeImage(input(name))
    expect(sameBytes(data, await rawPixels(input(`${name}.decoded.png`)))).toBe(true)
  })

  it('turns a picture as its EXIF data says', async () => {
    const { width, height, data } = await decodeImage(input('exif6.jpg'))
    expect([width, height]).toEqual([131, 193])
    const stored = await rawPixels(input('exif6.jpg.decoded.png'))
    const turned = new Uint8Array(stored.length)
    // Orientation 6: the stored left column is shown as the top row, bottom pixel first.
    for (let y = 0; y < 193; y++) {
      for (let x = 0; x < 131; x++) {
        for (let c = 0; c < 3; c++) turned[(y * 131 + x) * 3 + c] = stored[((130 - x) * 193 + y) * 3 + c]!
      }
    }
    expect(sameBytes(data, turned)).toBe(true)
  })
})

describe('decodeImage on what a picture can be', () => {
  it('leaves RGB untouched, with or without a colour profile', async () => {
    for (const bytes of [
      await raw().png().toBuffer(),
      await raw().tiff({ compression: 'lzw' }).toBuffer(),
      await raw().webp({ lossless: true }).toBuffer(),
      await raw().withIccProfile('p3', { attach: true }).png().toBuffer(),
    ]) {
      // sharp converts to the profile when writing; what is stored is what must come back.
      const stored = new Uint8Array(await sharp(bytes, { ignoreIcc: true }).raw().toBuffer())
      expect(sameBytes((await decodeImage(bytes)).data, stored)).toBe(true)
    }
    expect(sameBytes((await decodeImage(await raw().png().toBuffer())).data, picture.data)).toBe(true)
  })

  it('takes paths, URLs, buffers, blobs and files alike', async () => {
    const bytes = await raw().png().toBuffer()
    const path = join(folder, 'a picture.png')
    await writeFile(path, bytes)
    const sources = [
      path,
      pathToFileURL(path),
      bytes,
      new Uint8Array(bytes),
      new Uint8Array(bytes).buffer,
      new Blob([new Uint8Array(bytes)]),
      new File([new Uint8Array(bytes)], 'a.png'),
      `data:image/png;base64,${bytes.toString('base64')}`,
    ]
    for (const source of sources)
      expect(await decodeImage(source)).toEqual({ ...picture, data: picture.data })
  })

  it('reads AVIF closely and the first frame of a GIF', async () => {
    const flat = sharp({ create: { width: 32, height: 24, channels: 3, background: '#c86432' } })
    const avif = await decodeImage(
      await flat.clone().avif({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer(),
    )
    expect([avif.width, avif.height]).toEqual([32, 24])
    // A lossy codec on a flat colour: its YUV rounding may move each channel by a level or two.
    for (const [c, value] of [200, 100, 50].entries())
      expect(Math.abs(avif.data[c]! - value)).toBeLessThanOrEqual(2)
    const frames = await sharp([await flat.png().toBuffer(), await flat.negate().png().toBuffer()], {
      join: { animated: true },
    })
      .gif()
      .toBuffer()
    const gif = await decodeImage(frames)
    expect([gif.width, gif.height, ...gif.data.subarray(0, 3)]).toEqual([32, 24, 200, 100, 50])
  })

  it('repeats grey, unfolds palettes and single bits', async () => {
    const gray = await decodeImage(input('gray.png'))
    expect(gray.data[0]).toBe(170)
    for (let i = 0; i < gray.data.length; i += 3) {
      expect(gray.data[i] === gray.data[i + 1] && gray.data[i] === gray.data[i + 2]).toBe(true)
    }
    const bilevel = new Set((await decodeImage(input('bilevel.png'))).data)
    expect([...bilevel].sort((a, b) => a - b)).toEqual([0, 255])
    const palette = await decodeImage(input('palette.png'))
    expect([...palette.data.subarray(0, 3)]).toEqual([133, 205, 140])
  })

  it('scales 16 bits to 8', async () => {
    const gray = await decodeImage(await png16(3, 1, 1, [0, 32896, 65535]))
    expect([...gray.data]).toEqual([0, 0, 0, 128, 128, 128, 255, 255, 255])
    const rgb = await decodeImage(await png16(1, 1, 3, [65535, 257 * 100, 257]))
    expect([...rgb.data]).toEqual([255, 100, 1])
  })

  it('composites transparency over white', async () => {
    const rgba = Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 200, 100, 0, 128)
    const expected = [10, 20, 30, 255, 255, 255, 227, 177, 127]
    const png = await sharp(rgba, { raw: { width: 3, height: 1, channels: 4 } })
      .png()
      .toBuffer()
    const decoded = await decodeImage(png)
    // libvips may truncate where pixels given directly are rounded.
    decoded.data.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(i < 6 ? 0 : 1)
    })
    const imageData = { width: 3, height: 1, data: Uint8ClampedArray.from(rgba) }
    expect([...(await decodeImage(imageData)).data]).toEqual(expected)
    const deep = await decodeImage(await png16(1, 1, 4, [0, 0, 0, 0]))
    expect([...deep.data]).toEqual([255, 255, 255])
    expect([...(await decodeImage(input('la.png'))).data.subarray(0, 3)]).toEqual([255, 255, 255])
  })

  it('returns RGB pixels as they are, and a single pixel and a thin strip from files', async () => {
    expect((await decodeImage(picture)).data).toBe(picture.data)
    const tiny = sharp({ create: { width: 1, height: 1, channels: 3, background: '#010203' } })
    expect(await decodeImage(await tiny.png().toBuffer())).toMatchObject({ width: 1, height: 1 })
    const thin = sharp({ create: { width: 20000, height: 10, channels: 3, background: '#010203' } })
    expect(await decodeImage(await thin.jpeg().toBuffer())).toMatchObject({ width: 20000, height: 10 })
  })
})

describe('decodeImage on what is no picture', () => {
  it('names empty, foreign, truncated and damaged files', async () => {
    await expect(decodeImage(new Uint8Array(0))).rejects.toThrow(/the picture is empty \(0 bytes\)/)
    await expect(decodeImage(new File([], 'a.jpg'))).rejects.toThrow(/a.jpg is empty/)
    await expect(decodeImage(Buffer.from('no picture at all'))).rejects.toThrow(/not a readable JPEG, PNG/)
    const encoders = {
      jpeg: raw().jpeg(),
      png: raw().png(),
      webp: raw().webp(),
      tiff: raw().tiff(),
      gif: raw().gif(),
    }
    for (const [format, encoder] of Object.entries(encoders)) {
      const whole = await encoder.toBuffer()
      for (const share of [0.1, 0.5, 0.9]) {
        const cut = whole.subarray(0, Math.floor(whole.length * share))
        await expect(decodeImage(cut), `${format} cut to ${share}`).rejects.toBeInstanceOf(ImageError)
      }
    }
    const damaged = await raw().png().toBuffer()
    damaged.fill(0x55, 60, 120)
    await expect(decodeImage(damaged)).rejects.toBeInstanceOf(ImageError)
  })

  it('refuses vector graphics', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    await expect(decodeImage(Buffer.from(svg))).rejects.toThrow(/svg, which is not decoded; save it as PNG/)
  })

  it('stops decompression bombs before decoding, naming both numbers', async () => {
    const bomb = await sharp({
      create: { width: 20000, height: 15000, channels: 3, background: '#000' },
      limitInputPixels: false,
    })
      .png({ compressionLevel: 1 })
      .toBuffer()
    const before = process.memoryUsage().rss
    await expect(decodeImage(bomb)).rejects.toThrow(
      /20000x15000 = 300000000 pixels, more than the limit of 268402689/,
    )
    // Decoded it would take 900 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6)
    await expect(decodeImage(await raw().png().toBuffer(), { limitPixels: 100 })).rejects.toThrow(
      /2240 pixels/,
    )
    await expect(decodeImage(picture, { limitPixels: 100 })).rejects.toThrow(/limit of 100/)
  })

  it('names what cannot be read or drawn', async () => {
    await expect(decodeImage(join(folder, 'absent.png'))).rejects.toThrow(ResourceError)
    await expect(decodeImage(folder)).rejects.toThrow(/is a folder/)
    await expect(decodeImage('http://127.0.0.1:9/a.png?token=secret')).rejects.toThrow(
      /a\.png: .*check the address/,
    )
    await expect(decodeImage({ width: 3, height: 3 })).rejects.toThrow(/only a browser can draw/)
    await expect(decodeImage(null as never)).rejects.toThrow(/from a null/)
    await expect(decodeImage({ width: 3, height: 3, data: new Uint8Array(5) })).rejects.toThrow(/holds 5/)
    await expect(decodeImage({ width: 0, height: 3, data: new Uint8Array(0) })).rejects.toThrow(/0x3/)
    await expect(
      decodeImage({ width: 1, height: 1, data: new Uint16Array(4) as unknown as Uint8Array }),
    ).rejects.toThrow(/8-bit/)
    await expect(decodeImage(picture, { limitPixels: Number.NaN })).rejects.toThrow(InvalidArgumentError)
  })

  it('stops when cancelled', async () => {
    await expect(
      decodeImage(input('rgb.png'), { signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough')
    const bytes = readFileSync(input('big.png'))
    const controller = new AbortController()
    const running = decodeImage(bytes, { signal: controller.signal })
    controller.abort(new Error('later'))
    await expect(running).rejects.toThrow('later')
  })
})
