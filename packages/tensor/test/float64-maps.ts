// Reference implementations on maps, continued from float64.ts: resampling, pooling, unfolding, convolution.
// Each output is summed from its definition in two dimensions; the ops work one axis at a time.

import type { Values } from './float64.ts'

export interface MapSizes {
  /** Number of maps: all leading axes together. */
  planes: number
  height: number
  width: number
  outHeight: number
  outWidth: number
}

/** Calls `cell` for each output cell of each map. */
function eachCell(
  { planes, height, width, outHeight, outWidth }: MapSizes,
  cell: (plane: number, row: number, column: number) => number,
): Values {
  const out = new Float64Array(planes * outHeight * outWidth)
  for (let i = 0; i < out.length; i++) {
    const plane = Math.floor(i / (outHeight * outWidth)) * height * width
    out[i] = cell(plane, Math.floor(i / outWidth) % outHeight, i % outWidth)
  }
  return out
}

/** The pixels [start, end) that fall into output cell `o`, at least partly. */
const span = (o: number, inSize: number, outSize: number): [number, number] => [
  Math.floor((o * inSize) / outSize),
  Math.ceil(((o + 1) * inSize) / outSize),
]

/** Offsets inside its map of every pixel that an output cell covers. */
function windowOf(sizes: MapSizes, row: number, column: number): number[] {
  const [top, bottom] = span(row, sizes.height, sizes.outHeight)
  const [left, right] = span(column, sizes.width, sizes.outWidth)
  const offsets: number[] = []
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) offsets.push(y * sizes.width + x)
  return offsets
}

export function adaptiveMaxPool(x: Values, sizes: MapSizes): Values {
  return eachCell(sizes, (plane, row, column) =>
    Math.max(...windowOf(sizes, row, column).map((offset) => x[plane + offset]!)),
  )
}

/** Gradient of the weighted sum of an adaptive max pool: each cell's weight goes to its first maximum. */
export function adaptiveMaxPoolGradient(x: Values, weights: ArrayLike<number>, sizes: MapSizes): Values {
  const gradient = new Float64Array(x.length)
  let cell = 0
  eachCell(sizes, (plane, row, column) => {
    const offsets = windowOf(sizes, row, column)
    const largest = Math.max(...offsets.map((offset) => x[plane + offset]!))
    const first = offsets.find((offset) => x[plane + offset] === largest)!
    gradient[plane + first]! += weights[cell++]!
    return 0
  })
  return gradient
}

export function areaResize(x: Values, sizes: MapSizes): Values {
  return eachCell(sizes, (plane, row, column) => {
    const offsets = windowOf(sizes, row, column)
    return offsets.reduce((total, offset) => total + x[plane + offset]!, 0) / offsets.length
  })
}

export function nearestResize(x: Values, sizes: MapSizes): Values {
  const { height, width, outHeight, outWidth } = sizes
  return eachCell(
    sizes,
    (plane, row, column) =>
      x[plane + Math.floor((row * height) / outHeight) * width + Math.floor((column * width) / outWidth)]!,
  )
}

/** Keys' kernel, in the form of his paper. */
function keys(distance: number, a: number): number {
  const t = Math.abs(distance)
  if (t < 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
  if (t < 2) return a * (t ** 3 - 5 * t ** 2 + 8 * t - 4)
  return 0
}

/** Every pixel weighted by its distance; pixels beyond the edge count as the edge. */
export function bicubicResize(x: Values, sizes: MapSizes): Values {
  const { height, width, outHeight, outWidth } = sizes
  return eachCell(sizes, (plane, row, column) => {
    const cy = ((row + 0.5) * height) / outHeight - 0.5
    const cx = ((column + 0.5) * width) / outWidth - 0.5
    let total = 0
    for (let y = -3; y < height + 3; y++) {
      for (let z = -3; z < width + 3; z++) {
        const inside = Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(z, 0), width - 1)
        total += keys(y - cy, -0.75) * keys(z - cx, -0.75) * x[plane + inside]!
      }
    }
    return total
  })
}

/** The kernel stretched over the pixels that one output covers; weights outside the map are left out. */
export function bicubicAntialiasResize(x: Values, sizes: MapSizes): Values {
  const { height, width, outHeight, outWidth } = sizes
  const stretchY = Math.max(height / outHeight, 1)
  const stretchX = Math.max(width / outWidth, 1)
  return eachCell(sizes, (plane, row, column) => {
    const cy = ((row + 0.5) * height) / outHeight - 0.5
    const cx = ((column + 0.5) * width) / outWidth - 0.5
    let total = 0
    let mass = 0
    for (let y = 0; y < height; y++) {
      for (let z = 0; z < width; z++) {
        const weight = keys((y - cy) / stretchY, -0.5) * keys((z - cx) / stretchX, -0.5)
        mass += weight
        total += weight * x[plane + y * width + z]!
      }
    }
    return total / mass
  })
}

/** x [B, C, H, W] -> [B, (H/p)*(W/p), C*p*p] */
export function unfold(
  x: Values,
  { channels, height, width, patch }: { channels: number; height: number; width: number; patch: number },
): Values {
  const out: number[] = []
  for (let start = 0; start < x.length; start += channels * height * width)
    for (let top = 0; top < height; top += patch)
      for (let left = 0; left < width; left += patch)
        for (let c = 0; c < channels; c++)
          for (let y = 0; y < patch; y++)
            for (let z = 0; z < patch; z++) out.push(x[start + (c * height + top + y) * width + left + z]!)
  return Float64Array.from(out)
}

/** x [B, H, W, C], weight [C, 1, k, k], bias [C], zero padding k / 2 -> [B, H, W, C] */
export function depthwiseConv2d(
  x: Values,
  weight: Values,
  bias: Values,
  { height, width, kernel }: { height: number; width: number; kernel: number },
): Values {
  const channels = bias.length
  const half = (kernel - 1) / 2
  return x.map((_, i) => {
    const c = i % channels
    const column = Math.floor(i / channels) % width
    const row = Math.floor(i / (channels * width)) % height
    const sample = i - (row * width + column) * channels - c
    let total = bias[c]!
    for (let y = Math.max(row - half, 0); y <= Math.min(row + half, height - 1); y++) {
      for (let z = Math.max(column - half, 0); z <= Math.min(column + half, width - 1); z++) {
        const tap = ((c * kernel + y - row + half) * kernel + z - column + half) as number
        total += weight[tap]! * x[sample + (y * width + z) * channels + c]!
      }
    }
    return total
  })
}
