// Which tokens the pooled feature is made of (pre-training: only those inside the caption's box).

import { areaAverage, type PatchSelection } from '@ps3js/patch-selector'
import { add, mul, sub, type Tensor, tensor2d, tensor4d, tidy } from '@ps3js/tensor'
import type { ScaleSize } from '../image/index.ts'

/** A 0..1 map of any size: what is asked for, in training the caption's box. */
export interface RegionMap {
  readonly height: number
  readonly width: number
  readonly data: Float32Array
}

/** Large enough to vanish in a softmax, small enough to stay finite on every backend. */
const MASKED = -1e9

/** The share of each selected patch that lies in the region, in token order: area-averaged to each scale's own grid. */
export function regionWeights(
  region: RegionMap,
  selection: PatchSelection,
  sizes: readonly ScaleSize[],
): Float32Array {
  const weights: number[] = []
  selection.indices.forEach((ids, i) => {
    for (const id of ids) weights.push(areaAverage(region, sizes[i + 1]!.grid, id))
  })
  return Float32Array.from(weights)
}

/** Scores to add in pooling, [B, 1, 1, N]: tokens of weight 0 are left out, unless all of a sample's are. */
export function poolingMask(weights: readonly Float32Array[]): Tensor {
  const count = weights[0]!.length
  const values = new Float32Array(weights.length * count)
  weights.forEach((row, sample) => {
    if (row.every((w) => w === 0)) return
    row.forEach((w, i) => {
      if (w === 0) values[sample * count + i] = MASKED
    })
  })
  return tensor4d(values, [weights.length, 1, 1, count])
}

/** Row i from `whenTrue` where `choose[i]`, else from `whenFalse`; both [B, P]. */
export function mixRows(choose: readonly boolean[], whenTrue: Tensor, whenFalse: Tensor): Tensor {
  return tidy(() => {
    const mask = tensor2d(choose.map(Number), [choose.length, 1])
    return add(mul(mask, whenTrue), mul(sub(1, mask), whenFalse))
  })
}
