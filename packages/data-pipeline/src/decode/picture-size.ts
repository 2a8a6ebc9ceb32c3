// What can be known of a picture on the thread that asks: its size from its header, and whether it is whole.

import { ImageError } from '@ps3js/tensor'
import sharp from 'sharp'

/** Formats of pictures. sharp can also render SVG and others that reach out to files or hide huge canvases. */
const FORMATS = new Set(['jpeg', 'png', 'webp', 'heif', 'tiff', 'gif', 'jp2', 'jxl'])

/** Truncated or broken data is an error; mere warnings (odd metadata, a stray byte) are not. Colour profiles stay unused. */
export const OPEN = { failOn: 'error', ignoreIcc: true } as const

/** Width and height in pixels as displayed, so after EXIF rotation, from the header. @throws ImageError */
export async function pictureSize(picture: Uint8Array): Promise<{ width: number; height: number }> {
  const header = await orImageError(() => sharp(picture, OPEN).metadata())
  if (!FORMATS.has(header.format)) throw new ImageError(`pictures in ${header.format} are not decoded`)
  return header.autoOrient
}

/** Decodes a picture to its end. @throws ImageError for what is damaged or truncated */
export async function decodeWhole(picture: Uint8Array): Promise<void> {
  await orImageError(() => sharp(picture, OPEN).raw().toBuffer())
}

async function orImageError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0]!.trim()
    throw new ImageError(`its picture cannot be decoded (${reason})`, { cause })
  }
}
