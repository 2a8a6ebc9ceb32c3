// LayerNorm over the last axis, with weight and bias.

import { layerNorm } from '../ops/layer-norm.ts'
import type { Tensor } from '../tf.ts'
import { Module } from './module.ts'
import { onesInitializer, Parameter, zerosInitializer } from './parameter.ts'

export class LayerNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly #eps: number

  constructor(size: number, eps: number) {
    super()
    this.weight = new Parameter([size], onesInitializer)
    this.bias = new Parameter([size], zerosInitializer)
    this.#eps = eps
  }

  /** [..., size] -> [..., size] */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.value, this.bias.value, this.#eps)
  }
}
