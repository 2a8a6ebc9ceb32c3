// Depthwise 2-d convolution with stride 1 and symmetric zero padding, PyTorch's weight layout.

import {
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  depthwiseConv2d as tfDepthwiseConv2d,
} from '@tensorflow/tfjs-core'
import { add, reshape, tidy, transpose } from '../tf.ts'

/** x [B, H, W, C], weight [C, 1, k, k] with odd k, bias [C] -> [B, H, W, C] */
export function depthwiseConv2d(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
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
