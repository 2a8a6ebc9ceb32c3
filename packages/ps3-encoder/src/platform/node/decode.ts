// Decoding in Node: sharp (libvips), told to leave the stored pixel values alone.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ImageError, ResourceError, type RgbImage } from '@ps3js/tensor'
import type { Sharp } from 'sharp'
import { checkPixelLimit, type DecodeContext } from '../../image/pixels.ts'
import { fetchBytes } from '../fetch-bytes.ts'

/** Formats of pictures. sharp can also render SVG and others that reach out to files or hide huge canvases. */
const FORMATS = new Set(['jpeg', 'png', 'webp', 'heif', 'tiff', 'gif', 'jp2', 'jxl'])

/** A path's or an address's bytes. */
export async function fetchSource(
  source: string | URL,
  signal?: AbortSignal,
): Promise<{ bytes: Uint8Array | Blob; name: string }> {
  const address = String(source)
  if (/^(https?|data|blob):/i.test(address)) return fetchBytes(address, signal)
  const path = /^file:/i.test(address) ? fileURLToPath(address) : address
  try {
    return { bytes: await readFile(path, { signal }), name: basename(path) }
  } catch (cause) {
    signal?.throwIfAborted()
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new ResourceError(`there is no file ${path}; check the path`, { cause })
    if (code === 'EISDIR') throw new ResourceError(`${path} is a folder; name a picture in it`, { cause })
    throw new ResourceError(`cannot read ${path}: ${message}`, { cause })
  }
}

/** Decodes an encoded picture; `name` is what error messages call it. */
export async function decodeEncoded(source: Uint8Array | Blob, context: DecodeContext): Promise<RgbImage> {
  const { name, limitPixels, signal } = context
  const bytes = source instanceof Blob ? new Uint8Array(await source.arrayBuffer()) : source
  signal?.throwIfAborted()
  if (bytes.length === 0) throw new ImageError(`${name} is empty (0 bytes)`)
  const { default: sharp } = await import('sharp').catch((cause) => {
    throw new ImageError('sharp, which decodes pictures in Node, cannot be loaded; install it again', {
      cause,
    })
  })
  // The header is read without a limit, so that the error can name the size; nothing is decoded before the check.
  const header = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((cause) => {
      throw new ImageError(
        `${name} (${bytes.length} bytes) is not a readable JPEG, PNG, WebP, AVIF, TIFF or GIF: ${reason(cause)}; ` +
          'it may be damaged or of another format',
        { cause },
      )
    })
  if (!FORMATS.has(header.format)) {
    throw new ImageError(`${name} is ${header.format}, which is not decoded; save it as PNG or JPEG`)
  }
  checkPixelLimit(name, header.width, header.height, limitPixels)
  signal?.throwIfAborted()

  const open = () =>
    sharp(bytes, {
      limitInputPixels: Number.isFinite(limitPixels) ? limitPixels : false,
      // Truncated or broken data is an error; mere warnings (odd metadata, a stray byte) are not.
      failOn: 'error',
      ignoreIcc: true,
    }).autoOrient()
  const cmyk = header.space === 'cmyk'
  let pipeline = open()
  if (header.hasAlpha) pipeline = pipeline.flatten({ background: '#ffffff' })
  pipeline = cmyk
    ? pipeline.pipelineColourspace('cmyk').toColourspace('cmyk')
    : pipeline.toColourspace('srgb')
  const { data, width, height, channels } = await toRaw(pipeline, name)
  signal?.throwIfAborted()
  if (cmyk && channels === 4) return { width, height, data: cmykToRgb(data) }
  if (channels !== 3) {
    throw new ImageError(`${name} has ${channels} channels after decoding, not 3; save it as an RGB picture`)
  }
  return { width, height, data }
}

async function toRaw(pipeline: Sharp, name: string) {
  try {
    const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height, channels }
  } catch (cause) {
    throw new ImageError(`${name} is damaged or truncated: ${reason(cause)}; get the file again`, { cause })
  }
}

/** sharp's messages run over several lines; the first says enough. */
function reason(error: unknown): string {
  return (error as Error).message.split('\n')[0]!.trim()
}

/** Ink values (0 = none) to light, without a colour profile, in Pillow's rounding. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const pixels = cmyk.length / 4
  const rgb = new Uint8ClampedArray(pixels * 3)
  for (let i = 0; i < pixels; i++) {
    const light = 255 - cmyk[i * 4 + 3]!
    for (let c = 0; c < 3; c++) {
      const product = cmyk[i * 4 + c]! * light + 128
      rgb[i * 3 + c] = light - (((product >> 8) + product) >> 8)
    }
  }
  return new Uint8Array(rgb.buffer)
}

/** Canvases and bitmaps belong to browsers. */
export async function decodeDrawable(_source: object, context: DecodeContext): Promise<RgbImage> {
  throw new ImageError(
    `${context.name} is an object that only a browser can draw; in Node pass a path, encoded bytes or ImageData`,
  )
}
