// A decoded picture: 8-bit RGB, interleaved, row-major. Pictures are held as bytes, never as floats.
import { ImageError } from '../errors.ts'

export interface RgbImage {
  readonly width: number
  readonly height: number
  /** `width * height * 3` bytes, R G B R G B ... */
  readonly data: Uint8Array | Uint8ClampedArray
}

/** Checks sizes and byte count at the border of every function that takes a picture; throws ImageError. */
export function checkRgbImage(image: RgbImage): void {
  const { width, height, data } = image
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(height) || width < 1 || height < 1) {
    throw new ImageError(`a picture of ${width}x${height} pixels has nothing to look at; give at least 1x1`)
  }
  if (data.length !== width * height * 3) {
    throw new ImageError(
      `a ${width}x${height} RGB picture takes ${width * height * 3} bytes, but its data holds ${data.length}; ` +
        'pass interleaved RGB without alpha or padding',
    )
  }
}
