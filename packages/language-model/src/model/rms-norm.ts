// RMSNorm over the last axis (Zhang & Sennrich, arXiv:1910.07467).

import { Module, onesInitializer, Parameter, rmsNorm, type Tensor } from '@ps3js/tensor'

export class RmsNorm extends Module {
  readonly weight: Parameter
  readonly #eps: number

  constructor(size: number, eps: number) {
    super()
    this.weight = new Parameter([size], onesInitializer)
    this.#eps = eps
  }

  /** [..., size] -> [..., size] */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight.value, this.#eps)
  }
}
