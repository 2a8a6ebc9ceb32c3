// Depthwise 2-d convolution with stride 1 and symmetric zero padding, PyTorch's weight layout.

import {
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  depthwiseConv2d as tfDepthwiseConv2d,
} from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { add, reshape, tidy, transpose } from '../tf.ts'
import { checkShape } from './check.ts'

/** x [B, H, W, C], weight [C, 1, k, k] with odd k, bias [C] -> [B, H, W, C] */
export function depthwiseConv2d(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  checkShape('depthwiseConv2d', 'x', x, ['B', 'H', 'W', 'C'])
  checkShape('depthwiseConv2d', 'weight', weight, [x.shape[3]!, 1, 'k', 'k'])
  checkShape('depthwiseConv2d', 'bias', bias, [x.shape[3]!])
  const [kernelHeight, kernelWidth] = weight.shape.slice(2) as [number, number]
  if (kernelHeight % 2 === 0 || kernelWidth % 2 === 0) {
    throw new InvalidArgumentError(
      `depthwiseConv2d: a kernel of ${kernelHeight}x${kernelWidth} has no centre, expected odd sizes`,
    )
  }
  return tidy(() => {
    const [channels, , height, width] = weight.shape as [number, number, number, number]
    const filter = reshape(transpose(reshape(weight, [channels, height, width]) as Tensor3D, [1, 2, 0]), [
      height,
      width,
      channels,
      1,
    ])
    return add(tfDepthwiseConv2d(x as Tensor4D, filter as Tensor4D, 1, 'same'), bias)
  })
}
