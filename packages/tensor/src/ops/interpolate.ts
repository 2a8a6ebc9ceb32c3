// Resampling exactly as PyTorch's F.interpolate (align_corners=False). Every mode is linear and separable, so it is
// two matrix products with weights made here: one code and one gradient for all backends.

import type { Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { expandDims, matMul, reshape, tensor2d, tidy, tile } from '../tf.ts'
import { checkPositiveInteger } from './check.ts'

/** 'bicubic': a = -0.75, edges clamped. 'bicubic-antialias': a = -0.5, renormalised at the edges. */
export type InterpolationMode = 'bicubic' | 'bicubic-antialias' | 'area' | 'nearest'

/** x [..., H, W] -> [..., outHeight, outWidth] */
export function interpolate(x: Tensor, outHeight: number, outWidth: number, mode: InterpolationMode): Tensor {
  if (x.rank < 2) throw new InvalidArgumentError(`interpolate: x is [${x.shape}], expected [..., H, W]`)
  checkPositiveInteger('interpolate', 'outHeight', outHeight)
  checkPositiveInteger('interpolate', 'outWidth', outWidth)
  const [height, width] = x.shape.slice(-2) as [number, number]
  const leading = x.shape.slice(0, -2)
  return tidy(() => {
    const vertical = tensor2d(resampleWeights(height, outHeight, mode), [outHeight, height])
    const horizontal = tensor2d(resampleWeights(width, outWidth, mode), [outWidth, width])
    const count = leading.reduce((a, b) => a * b, 1)
    const wide = matMul(reshape(x, [count * height, width]), horizontal, false, true)
    const perPlane = tile(expandDims(vertical, 0), [count, 1, 1])
    const tall = matMul(perPlane, reshape(wide, [count, height, outWidth]))
    return reshape(tall, [...leading, outHeight, outWidth])
  })
}

/** Row-major [outSize, inSize] matrix that resamples one axis. */
export function resampleWeights(inSize: number, outSize: number, mode: InterpolationMode): Float32Array {
  if (!(inSize > 0 && outSize > 0)) {
    throw new InvalidArgumentError(`cannot resample ${inSize} values to ${outSize}: both must be positive`)
  }
  const weights = new Float32Array(inSize * outSize)
  for (let o = 0; o < outSize; o++)
    addTaps[mode](weights.subarray(o * inSize, (o + 1) * inSize), o, inSize, outSize)
  return weights
}

type Taps = (row: Float32Array, out: number, inSize: number, outSize: number) => void

const addTaps: Record<InterpolationMode, Taps> = {
  nearest(row, out, inSize, outSize) {
    row[nearestIndex(out, inSize, outSize)] = 1
  },
  area(row, out, inSize, outSize) {
    const start = Math.floor((out * inSize) / outSize)
    const end = Math.ceil(((out + 1) * inSize) / outSize)
    row.fill(1 / (end - start), start, end)
  },
  bicubic(row, out, inSize, outSize) {
    const scale = Math.fround(inSize / outSize)
    const centre = Math.fround(Math.fround(scale * (out + 0.5)) - 0.5)
    const first = Math.floor(centre)
    for (let tap = -1; tap <= 2; tap++) {
      const index = Math.min(Math.max(first + tap, 0), inSize - 1)
      row[index] = row[index]! + cubic(centre - first - tap, -0.75)
    }
  },
  'bicubic-antialias'(row, out, inSize, outSize) {
    const scale = inSize / outSize
    const stretch = Math.max(scale, 1)
    const support = 2 * stretch
    const centre = scale * (out + 0.5)
    const start = Math.max(Math.floor(centre - support + 0.5), 0)
    const end = Math.min(Math.floor(centre + support + 0.5), inSize)
    let total = 0
    for (let i = start; i < end; i++) total += cubic((i - centre + 0.5) / stretch, -0.5)
    for (let i = start; i < end; i++) row[i] = cubic((i - centre + 0.5) / stretch, -0.5) / total
  },
}

/** PyTorch's nearest: floor(out * float32(in / out)). */
export function nearestIndex(out: number, inSize: number, outSize: number): number {
  return Math.min(Math.floor(Math.fround(out * Math.fround(inSize / outSize))), inSize - 1)
}

/** Keys' cubic convolution kernel (IEEE ASSP 29(6), 1981). */
function cubic(x: number, a: number): number {
  const t = Math.abs(x)
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
  return 0
}
