// ConvNeXt block (Liu et al., arXiv:2201.03545) on channels-last maps, as timm computes it.

import {
  add,
  constantInitializer,
  depthwiseConv2d,
  LayerNorm,
  Mlp,
  Module,
  mul,
  normalInitializer,
  Parameter,
  type Tensor,
  tidy,
  zerosInitializer,
} from '@ps3js/tensor'

const KERNEL_SIZE = 7
const MLP_RATIO = 4

class DepthwiseConv extends Module {
  readonly weight: Parameter
  readonly bias: Parameter

  constructor(channels: number) {
    super()
    this.weight = new Parameter([channels, 1, KERNEL_SIZE, KERNEL_SIZE], normalInitializer(0.02))
    this.bias = new Parameter([channels], zerosInitializer)
  }

  forward(x: Tensor): Tensor {
    return depthwiseConv2d(x, this.weight.value, this.bias.value)
  }
}

export class ConvNeXtBlock extends Module {
  readonly conv_dw: DepthwiseConv
  readonly norm: LayerNorm
  readonly mlp: Mlp
  /** Layer scale; the checkpoints call it plainly `weight`. */
  readonly weight: Parameter

  constructor(channels: number) {
    super()
    this.conv_dw = new DepthwiseConv(channels)
    this.norm = new LayerNorm(channels, 1e-6)
    this.mlp = new Mlp({ inFeatures: channels, hiddenFeatures: MLP_RATIO * channels, outFeatures: channels })
    this.weight = new Parameter([channels], constantInitializer(1e-6))
  }

  /** [B, H, W, C] -> [B, H, W, C] */
  forward(x: Tensor): Tensor {
    return tidy(() =>
      add(x, mul(this.mlp.forward(this.norm.forward(this.conv_dw.forward(x))), this.weight.value)),
    )
  }
}
