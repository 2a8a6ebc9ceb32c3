// What decoding does alike on every platform: the size guard and the removal of alpha.
import { ImageError } from '@ps3js/tensor'

/** What a platform's decoder is told about a source. */
export interface DecodeContext {
  /** How error messages call the source. */
  readonly name: string
  readonly limitPixels: number
  readonly signal?: AbortSignal | undefined
}

/** sharp's default limit. */
export const DEFAULT_LIMIT_PIXELS = 0x3fff ** 2

/** RGBA (not premultiplied) composited over white, each value rounded to the nearest byte. */
export function flattenOnWhite(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const pixels = rgba.length / 4
  const rgb = new Uint8Array(pixels * 3)
  for (let i = 0; i < pixels; i++) {
    const alpha = rgba[i * 4 + 3]!
    for (let c = 0; c < 3; c++) {
      const value = rgba[i * 4 + c]!
      rgb[i * 3 + c] = alpha === 255 ? value : Math.round((value * alpha + 255 * (255 - alpha)) / 255)
    }
  }
  return rgb
}

/** Throws ImageError when a picture is empty or has more pixels than allowed. */
export function checkPixelLimit(name: string, width: number, height: number, limitPixels: number): void {
  if (!(width >= 1 && height >= 1)) {
    throw new ImageError(
      `${name} is ${width}x${height} pixels: there is nothing to see; give a picture of at least 1x1`,
    )
  }
  if (width * height > limitPixels) {
    throw new ImageError(
      `${name} is ${width}x${height} = ${width * height} pixels, more than the limit of ${limitPixels}; ` +
        'scale it down first, or raise limitPixels if it comes from a source you trust',
    )
  }
}
