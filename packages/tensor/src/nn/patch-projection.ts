// A convolution whose stride equals its kernel, as a matmul over unfolded patches. Weight keeps PyTorch's conv layout.

import { InvalidArgumentError } from '../errors.ts'
import { linear } from '../ops/linear.ts'
import { reshape, type Tensor, tidy } from '../tf.ts'
import { Module } from './module.ts'
import { normalInitializer, Parameter, zerosInitializer } from './parameter.ts'

export class PatchProjection extends Module {
  readonly weight: Parameter
  readonly bias: Parameter

  constructor(inChannels: number, outChannels: number, patchSize: number) {
    super()
    const std = (inChannels * patchSize ** 2) ** -0.5
    this.weight = new Parameter([outChannels, inChannels, patchSize, patchSize], normalInitializer(std))
    this.bias = new Parameter([outChannels], zerosInitializer)
  }

  /** Patches flattened (channel, row, column), as `unfold` makes them: [..., in*p*p] -> [..., out] */
  forward(patches: Tensor): Tensor {
    const { weight, bias } = this
    const outChannels = weight.shape[0]!
    const patchWidth = weight.size / outChannels
    const width = patches.shape[patches.rank - 1]
    if (width !== patchWidth) {
      throw new InvalidArgumentError(
        `patch projection: patches of ${width} values do not fit a weight of [${weight.shape.join(', ')}], which takes ${patchWidth}`,
      )
    }
    return tidy(() => linear(patches, reshape(weight.value, [outChannels, patchWidth]), bias.value))
  }
}
