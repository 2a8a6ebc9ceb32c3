// Picking rows, with the gradient scattered back (tfjs's GatherV2 and UnsortedSegmentSum).

import { type Tensor, unsortedSegmentSum } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { gather, tensor1d, tidy } from '../tf.ts'
import { checkPositiveInteger, checkRows, checkShape } from './check.ts'

/** x [R, ...], indices of rows -> [indices.length, ...] */
export function gatherRows(x: Tensor, indices: Int32Array | readonly number[]): Tensor {
  checkRows('gatherRows', indices, x.shape[0] ?? 0)
  return tidy(() => gather(x, tensor1d(indices instanceof Int32Array ? indices : [...indices], 'int32'), 0))
}

/** Rows of x [R, C] placed into `size` rows of zeros: row `from[i]` goes to `to[i]`. -> [size, C] */
export function scatterRows(x: Tensor, from: readonly number[], to: readonly number[], size: number): Tensor {
  checkShape('scatterRows', 'x', x, ['R', 'C'])
  checkPositiveInteger('scatterRows', 'size', size)
  if (from.length !== to.length) {
    throw new InvalidArgumentError(`scatterRows: ${from.length} rows to move, but ${to.length} places`)
  }
  checkRows('scatterRows', from, x.shape[0]!)
  checkRows('scatterRows', to, size)
  return tidy(() => {
    const picked = gatherRows(x, from)
    return unsortedSegmentSum(picked, tensor1d([...to], 'int32'), size)
  })
}
