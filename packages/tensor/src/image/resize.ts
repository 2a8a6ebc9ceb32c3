// Antialiased resizing of 8-bit pictures, identical to the last bit to Pillow's Image.resize on RGB
// (Pillow 13, src/libImaging/Resample.c): fixed-point weights, two passes, bytes in between.
import { ImageError, InvalidArgumentError } from '../errors.ts'
import { checkRgbImage, type RgbImage } from './rgb-image.ts'

export type Interpolation = 'bicubic' | 'bilinear'

export interface ResizeOptions {
  readonly signal?: AbortSignal | undefined
}

/** 8 bits for the result and 2 spare ones for what negative lobes add: sums of 22-bit weights fit into int32. */
const PRECISION_BITS = 32 - 8 - 2
const ROUNDING = 1 << (PRECISION_BITS - 1)

/** The vertical pass reads this many rows at a time (enlarging needs no more); spare weights stay zero. */
const ROWS_AT_ONCE = 4

const filters = {
  bicubic: { support: 2, weight: bicubicWeight },
  bilinear: { support: 1, weight: (x: number) => Math.max(1 - Math.abs(x), 0) },
}

function bicubicWeight(x: number): number {
  const a = -0.5
  const d = Math.abs(x)
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a
  return 0
}

/** For each output sample: the first source sample, how many, and `stride` fixed-point weights. */
interface Coefficients {
  readonly first: Int32Array
  readonly count: Int32Array
  readonly weights: Int32Array
  readonly stride: number
}

function coefficients(inSize: number, outSize: number, interpolation: Interpolation): Coefficients {
  const filter = filters[interpolation]
  const scale = inSize / outSize
  const filterScale = Math.max(scale, 1)
  const inverse = 1 / filterScale
  const support = filter.support * filterScale
  const stride = Math.ceil((Math.ceil(support) * 2 + 1) / ROWS_AT_ONCE) * ROWS_AT_ONCE
  const first = new Int32Array(outSize)
  const count = new Int32Array(outSize)
  const weights = new Int32Array(outSize * stride)
  const line = new Float64Array(stride)
  for (let i = 0; i < outSize; i++) {
    const center = (i + 0.5) * scale
    const from = Math.max(Math.trunc(center - support + 0.5), 0)
    const taps = Math.min(Math.trunc(center + support + 0.5), inSize) - from
    let sum = 0
    for (let tap = 0; tap < taps; tap++) {
      const weight = filter.weight((tap + from - center + 0.5) * inverse)
      line[tap] = weight
      sum += weight
    }
    for (let tap = 0; tap < taps; tap++) {
      const weight = sum === 0 ? line[tap]! : line[tap]! / sum
      // Rounds half away from zero: + 0.5 or - 0.5, then truncated by the store.
      weights[i * stride + tap] = Math.trunc(weight * (1 << PRECISION_BITS) + (weight < 0 ? -0.5 : 0.5))
    }
    first[i] = from
    count[i] = taps
  }
  return { first, count, weights, stride }
}

/** Resizes with Pillow's antialiased bicubic filter (a = -0.5); see `resize`. */
export function resizeBicubic(
  image: RgbImage,
  width: number,
  height: number,
  options?: ResizeOptions,
): RgbImage {
  return resize(image, width, height, 'bicubic', options)
}

/** Resizes with Pillow's antialiased bilinear (triangle) filter; see `resize`. */
export function resizeBilinear(
  image: RgbImage,
  width: number,
  height: number,
  options?: ResizeOptions,
): RgbImage {
  return resize(image, width, height, 'bilinear', options)
}

/**
 * Resizes to `width` x `height`, aspect ignored. The input's bytes are never written to; when nothing changes they
 * are copied. Peak memory above the result: source rows x `width` x 3 bytes.
 *
 * @throws ImageError for a malformed picture or a result too large to hold, InvalidArgumentError for a bad size.
 */
export function resize(
  image: RgbImage,
  width: number,
  height: number,
  interpolation: Interpolation,
  options: ResizeOptions = {},
): RgbImage {
  checkRgbImage(image)
  for (const [name, value] of Object.entries({ width, height })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InvalidArgumentError(`the ${name} to resize to must be a positive whole number, not ${value}`)
    }
  }
  options.signal?.throwIfAborted()
  // Rounding to bytes between the passes makes their order visible. Pillow 13 runs the vertical one first where that
  // removes more than twice as many samples as the horizontal one would; older versions never did.
  const verticalFirst = image.height > height && image.height - height > (image.width - width) * 2
  const passes = verticalFirst ? [resizeHeight, resizeWidth] : [resizeWidth, resizeHeight]
  let result = image
  for (const pass of passes) result = pass(result, pass === resizeWidth ? width : height, interpolation)
  return result === image ? { width, height, data: Uint8Array.from(image.data) } : result
}

function allocate(width: number, height: number): Uint8Array {
  try {
    return new Uint8Array(width * height * 3)
  } catch (cause) {
    throw new ImageError(`no memory for a picture of ${width}x${height} pixels; resize to a smaller size`, {
      cause,
    })
  }
}

function resizeWidth(image: RgbImage, width: number, interpolation: Interpolation): RgbImage {
  if (image.width === width) return image
  const bytes = allocate(width, image.height)
  const { first, count, weights, stride } = coefficients(image.width, width, interpolation)
  const { data } = image
  // Storing into a clamped view is Pillow's clip8.
  const out = new Uint8ClampedArray(bytes.buffer)
  let to = 0
  for (let y = 0; y < image.height; y++) {
    const row = y * image.width * 3
    for (let x = 0; x < width; x++) {
      let red = ROUNDING
      let green = ROUNDING
      let blue = ROUNDING
      let from = row + first[x]! * 3
      const start = x * stride
      const end = start + count[x]!
      for (let k = start; k < end; k++) {
        const weight = weights[k]!
        red = (red + Math.imul(data[from]!, weight)) | 0
        green = (green + Math.imul(data[from + 1]!, weight)) | 0
        blue = (blue + Math.imul(data[from + 2]!, weight)) | 0
        from += 3
      }
      out[to] = red >> PRECISION_BITS
      out[to + 1] = green >> PRECISION_BITS
      out[to + 2] = blue >> PRECISION_BITS
      to += 3
    }
  }
  return { width, height: image.height, data: bytes }
}

function resizeHeight(image: RgbImage, height: number, interpolation: Interpolation): RgbImage {
  if (image.height === height) return image
  const { width, data } = image
  const bytes = allocate(width, height)
  const { first, count, weights, stride } = coefficients(image.height, height, interpolation)
  const out = new Uint8ClampedArray(bytes.buffer)
  const rowBytes = width * 3
  const sums = new Int32Array(rowBytes)
  for (let y = 0; y < height; y++) {
    const taps = count[y]!
    const to = y * rowBytes
    if (taps > ROWS_AT_ONCE) sums.fill(ROUNDING)
    for (let tap = 0; tap < taps; tap += ROWS_AT_ONCE) {
      const k = y * stride + tap
      const w0 = weights[k]!
      const w1 = weights[k + 1]!
      const w2 = weights[k + 2]!
      const w3 = weights[k + 3]!
      const p0 = (first[y]! + tap) * rowBytes
      // Past the last tap weights are zero; any row that exists will do.
      const p1 = tap + 1 < taps ? p0 + rowBytes : p0
      const p2 = tap + 2 < taps ? p1 + rowBytes : p0
      const p3 = tap + 3 < taps ? p2 + rowBytes : p0
      if (taps <= ROWS_AT_ONCE) {
        for (let i = 0; i < rowBytes; i++) {
          const a = Math.imul(data[p0 + i]!, w0) + Math.imul(data[p1 + i]!, w1)
          const b = Math.imul(data[p2 + i]!, w2) + Math.imul(data[p3 + i]!, w3)
          out[to + i] = (ROUNDING + a + b) >> PRECISION_BITS
        }
      } else {
        for (let i = 0; i < rowBytes; i++) {
          const a = Math.imul(data[p0 + i]!, w0) + Math.imul(data[p1 + i]!, w1)
          const b = Math.imul(data[p2 + i]!, w2) + Math.imul(data[p3 + i]!, w3)
          sums[i] = (sums[i]! + a + b) | 0
        }
      }
    }
    if (taps > ROWS_AT_ONCE) for (let i = 0; i < rowBytes; i++) out[to + i] = sums[i]! >> PRECISION_BITS
  }
  return { width, height, data: bytes }
}
