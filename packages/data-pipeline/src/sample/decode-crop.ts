// Decodes the part of a picture that a sample shows, at the size that the model takes: one pass of sharp, on its own
// threads. Its resampling is not Pillow's to the last bit; see docs/decisions/2026-11-25-training-pictures-by-sharp.md.

import { ImageError } from '@ps3js/tensor'
import sharp from 'sharp'
import type { Crop } from './crop.ts'

/** Formats of pictures. sharp can also render SVG and others that reach out to files or hide huge canvases. */
const FORMATS = new Set(['jpeg', 'png', 'webp', 'heif', 'tiff', 'gif', 'jp2', 'jxl'])

/** Truncated or broken data is an error; mere warnings (odd metadata, a stray byte) are not. Colour profiles stay unused. */
const OPEN = { failOn: 'error', ignoreIcc: true } as const

/** Width and height in pixels as displayed, so after EXIF rotation, from the header. @throws ImageError */
export async function pictureSize(picture: Uint8Array): Promise<{ width: number; height: number }> {
  const header = await orImageError(() => sharp(picture, OPEN).metadata())
  if (!FORMATS.has(header.format)) throw new ImageError(`pictures in ${header.format} are not decoded`)
  return header.autoOrient
}

/**
 * @param size side of the square result
 * @throws ImageError for what is damaged, truncated or no picture
 */
export async function decodeCrop(
  picture: Uint8Array,
  crop: Crop,
  size: number,
): Promise<{ width: number; height: number; data: Uint8Array }> {
  const { data, info } = await orImageError(() =>
    sharp(picture, OPEN)
      .autoOrient()
      .extract({ left: crop.left, top: crop.top, width: crop.width, height: crop.height })
      .resize(size, size, { fit: 'fill', kernel: 'cubic' })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true }),
  )
  if (info.channels !== 3) throw new ImageError(`it has ${info.channels} channels after decoding, not 3`)
  return { width: size, height: size, data: new Uint8Array(data.buffer, data.byteOffset, data.length) }
}

async function orImageError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0]!.trim()
    throw new ImageError(`its picture cannot be decoded (${reason})`, { cause })
  }
}
