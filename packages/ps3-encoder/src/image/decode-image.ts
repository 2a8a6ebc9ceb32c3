// Anything that holds a picture to RGB bytes, as Pillow's `convert('RGB')` would see them where the two agree.
// Departures from the reference's processor: EXIF rotation is applied, transparency becomes white (the reference
// drops alpha and shows what lies under it), 16-bit grey is scaled (the reference clips it at 255).
import { checkRgbImage, ImageError, InvalidArgumentError, type RgbImage } from '@ps3js/tensor'
import { decodeDrawable, decodeEncoded, fetchSource } from '#platform'
import { checkPixelLimit, DEFAULT_LIMIT_PIXELS, flattenOnWhite } from './pixels.ts'

/** Pixels with or without alpha, 8 bits each, as `ImageData` holds them. */
export interface PixelData {
  readonly width: number
  readonly height: number
  /** RGB or RGBA, interleaved, alpha not premultiplied. */
  readonly data: Uint8Array | Uint8ClampedArray
}

/** An `ImageBitmap`, a canvas or an `<img>`: what a browser can draw. */
export interface DrawableImage {
  readonly width: number
  readonly height: number
}

/**
 * - `string`: in Node a path, or an http(s) or data URL; in the browser a URL.
 * - `URL`: also `file:` in Node.
 * - bytes or a `Blob` (so also a `File`) of a JPEG, PNG, WebP, AVIF, TIFF or GIF (first frame). Which of them a browser
 *   reads is up to it; TIFF mostly not.
 * - `ImageData` or pixels in the same form, RGB or RGBA.
 * - in the browser `ImageBitmap`, `HTMLCanvasElement`, `OffscreenCanvas`, `HTMLImageElement`.
 */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | Blob | PixelData | DrawableImage

export interface DecodeOptions {
  /** Refuses pictures with more pixels, before decoding where the platform can. Default 268,402,689 (16383 squared). */
  limitPixels?: number
  signal?: AbortSignal
}

/**
 * Decodes a picture to 8-bit RGB.
 *
 * EXIF rotation is applied and transparency composited over white. Bytes of RGB and grey pictures come through as they
 * are stored: embedded colour profiles are not applied, as the models' training data was read without them. CMYK is
 * converted without a profile for the same reason: (255 - ink) * (255 - black) / 255. Pixels given as RGB are returned
 * as they are, without a copy.
 *
 * @throws ImageError for what is empty, damaged, truncated, too large or no picture; ResourceError for a file or an
 *   address that cannot be read; the signal's reason when it is aborted.
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions = {}): Promise<RgbImage> {
  const { limitPixels = DEFAULT_LIMIT_PIXELS, signal } = options
  if (!(limitPixels >= 1)) {
    throw new InvalidArgumentError(
      `limitPixels must be at least 1, not ${limitPixels}; Infinity sets no limit`,
    )
  }
  signal?.throwIfAborted()
  if (typeof source === 'string' || source instanceof URL) {
    const { bytes, name } = await fetchSource(source, signal)
    return decodeEncoded(bytes, { name, limitPixels, signal })
  }
  if (source instanceof Blob) {
    const name = (source as Partial<File>).name || 'the picture'
    return decodeEncoded(source, { name, limitPixels, signal })
  }
  if (source instanceof ArrayBuffer) {
    return decodeEncoded(new Uint8Array(source), { name: 'the picture', limitPixels, signal })
  }
  if (source instanceof Uint8Array) {
    return decodeEncoded(source, { name: 'the picture', limitPixels, signal })
  }
  if (typeof source !== 'object' || source === null) {
    throw new ImageError(`a picture cannot be read from a ${source === null ? 'null' : typeof source}`)
  }
  if ('data' in source) return fromPixels(source, limitPixels)
  return decodeDrawable(source, { name: 'the picture', limitPixels, signal })
}

function fromPixels(source: PixelData, limitPixels: number): RgbImage {
  const { width, height, data } = source
  checkPixelLimit('the picture', width, height, limitPixels)
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new ImageError('pixel data must be 8-bit (Uint8Array or Uint8ClampedArray); convert it first')
  }
  if (data.length === width * height * 4) return { width, height, data: flattenOnWhite(data) }
  const image = { width, height, data }
  checkRgbImage(image)
  return image
}
