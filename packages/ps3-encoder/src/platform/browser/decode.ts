// Decoding in the browser: createImageBitmap, told to leave the stored pixel values alone, and a canvas to read from.
import { ImageError, type RgbImage } from '@ps3js/tensor'
import { checkPixelLimit, type DecodeContext } from '../../image/pixels.ts'
import { fetchBytes } from '../fetch-bytes.ts'

/** No colour conversion: the models' training data was read without profiles. */
const bitmapOptions: ImageBitmapOptions = {
  colorSpaceConversion: 'none',
  premultiplyAlpha: 'none',
  imageOrientation: 'from-image',
}

/** Rows that are read back at a time, so that RGBA copies stay small. */
const STRIP_ROWS = 512

/** An address's bytes, relative to the page. */
export async function fetchSource(
  source: string | URL,
  signal?: AbortSignal,
): Promise<{ bytes: Uint8Array | Blob; name: string }> {
  return fetchBytes(String(source), signal)
}

/** Decodes an encoded picture; `name` is what error messages call it. */
export async function decodeEncoded(source: Uint8Array | Blob, context: DecodeContext): Promise<RgbImage> {
  const blob = source instanceof Blob ? source : new Blob([source as Uint8Array<ArrayBuffer>])
  if (blob.size === 0) throw new ImageError(`${context.name} is empty (0 bytes)`)
  return decodeBitmapSource(
    blob,
    context,
    `${context.name} (${blob.size} bytes) is damaged, truncated or of a format that this browser does not read`,
  )
}

/** Reads an ImageBitmap, a canvas or an `<img>`. */
export async function decodeDrawable(source: object, context: DecodeContext): Promise<RgbImage> {
  if (source instanceof ImageBitmap) return readPixels(source, context)
  return decodeBitmapSource(
    source as ImageBitmapSource,
    context,
    `${context.name} cannot be drawn: pass an ImageBitmap, a canvas, ImageData or a loaded <img> from this origin`,
  )
}

async function decodeBitmapSource(
  source: ImageBitmapSource,
  context: DecodeContext,
  message: string,
): Promise<RgbImage> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(source, bitmapOptions)
  } catch (cause) {
    throw new ImageError(`${message} (${(cause as Error).message})`, { cause })
  }
  try {
    return readPixels(bitmap, context)
  } finally {
    bitmap.close()
  }
}

function readPixels(bitmap: ImageBitmap, { name, limitPixels, signal }: DecodeContext): RgbImage {
  signal?.throwIfAborted()
  const { width, height } = bitmap
  checkPixelLimit(name, width, height, limitPixels)
  try {
    const canvas = new OffscreenCanvas(width, Math.min(height, STRIP_ROWS))
    const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' })
    if (!context) throw new ImageError('the browser gives no 2d context; free graphics memory and try again')
    const data = new Uint8Array(width * height * 3)
    let to = 0
    for (let top = 0; top < height; top += STRIP_ROWS) {
      const rows = Math.min(STRIP_ROWS, height - top)
      context.fillStyle = '#ffffff'
      context.fillRect(0, 0, width, rows)
      context.drawImage(bitmap, 0, top, width, rows, 0, 0, width, rows)
      const rgba = context.getImageData(0, 0, width, rows).data
      for (let from = 0; from < rgba.length; from += 4) {
        data[to++] = rgba[from]!
        data[to++] = rgba[from + 1]!
        data[to++] = rgba[from + 2]!
      }
    }
    return { width, height, data }
  } catch (cause) {
    if (cause instanceof ImageError) throw cause
    throw new ImageError(`${name} (${width}x${height}) cannot be read back: ${(cause as Error).message}`, {
      cause,
    })
  }
}
