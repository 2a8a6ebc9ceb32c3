// Linear layer, PyTorch's layout: weight [out, in], bias [out].

import { gelu } from '../ops/gelu.ts'
import { type GeluApproximation, linear, linearGelu } from '../ops/linear.ts'
import { type Tensor, tidy } from '../tf.ts'
import { Module } from './module.ts'
import { type Initializer, Parameter, xavierInitializer, zerosInitializer } from './parameter.ts'

export class Linear extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | null

  constructor(inFeatures: number, outFeatures: number, options: { bias?: boolean; init?: Initializer } = {}) {
    super()
    this.weight = new Parameter(
      [outFeatures, inFeatures],
      options.init ?? xavierInitializer(inFeatures, outFeatures),
    )
    this.bias = options.bias === false ? null : new Parameter([outFeatures], zerosInitializer)
  }

  /** [..., in] -> [..., out] */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight.value, this.bias?.value)
  }

  /** gelu(forward(x)), fused where the backend can. */
  forwardGelu(x: Tensor, approximate: GeluApproximation = 'none'): Tensor {
    const { weight, bias } = this
    if (bias) return linearGelu(x, weight.value, bias.value, approximate)
    return tidy(() => gelu(linear(x, weight.value), approximate))
  }
}
