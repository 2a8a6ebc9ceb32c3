// A decoded picture: 8-bit RGB, interleaved, row-major. Pictures are held as bytes, never as floats.

export interface RgbImage {
  readonly width: number
  readonly height: number
  /** `width * height * 3` bytes, R G B R G B ... */
  readonly data: Uint8Array | Uint8ClampedArray
}
