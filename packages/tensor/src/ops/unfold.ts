// Pictures to patches (torch.nn.Unfold with stride = kernel): a patch embedding is this and a matmul.

import type { Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { reshape, tidy, transpose } from '../tf.ts'
import { checkPositiveInteger, checkShape } from './check.ts'

/** [B, C, H, W] -> [B, (H/p)*(W/p), C*p*p], patches row-major, each flattened (channel, row, column) */
export function unfold(x: Tensor, patchSize: number): Tensor {
  checkShape('unfold', 'x', x, ['B', 'C', 'H', 'W'])
  checkPositiveInteger('unfold', 'patchSize', patchSize)
  const [batch, channels, height, width] = x.shape as [number, number, number, number]
  const rows = height / patchSize
  const columns = width / patchSize
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    throw new InvalidArgumentError(
      `a ${height}x${width} picture does not divide into patches of ${patchSize}`,
    )
  }
  return tidy(() => {
    // Rank 5 is the most that every backend transposes: batch and channel stay together.
    const split = reshape(x, [batch * channels, rows, patchSize, columns, patchSize])
    const grouped = reshape(transpose(split, [0, 1, 3, 2, 4]), [
      batch,
      channels,
      rows * columns,
      patchSize ** 2,
    ])
    return reshape(transpose(grouped, [0, 2, 1, 3]), [batch, rows * columns, channels * patchSize ** 2])
  })
}
