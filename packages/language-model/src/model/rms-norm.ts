// RMSNorm over the last axis (Zhang & Sennrich, arXiv:1910.07467).

import {
  add,
  Module,
  mean,
  mul,
  onesInitializer,
  Parameter,
  rsqrt,
  square,
  type Tensor,
  tidy,
} from '@ps3js/tensor'

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
    return tidy(() => {
      const inverse = rsqrt(add(mean(square(x), -1, true), this.#eps))
      return mul(mul(x, inverse), this.weight.value)
    })
  }
}
