// Picking rows, with the gradient scattered back (tfjs's GatherV2 and UnsortedSegmentSum).

import type { Tensor } from '@tensorflow/tfjs-core'
import { gather, tensor1d, tidy } from '../tf.ts'

/** x [R, ...], indices of rows -> [indices.length, ...] */
export function gatherRows(x: Tensor, indices: Int32Array | readonly number[]): Tensor {
  return tidy(() => gather(x, tensor1d(indices instanceof Int32Array ? indices : [...indices], 'int32'), 0))
}
