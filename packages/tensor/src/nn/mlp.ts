// Two linear layers with a GELU between them and an optional LayerNorm after it (timm.layers.Mlp).

import type { GeluApproximation } from '../ops/linear.ts'
import { type Tensor, tidy } from '../tf.ts'
import { LayerNorm } from './layer-norm.ts'
import { Linear } from './linear.ts'
import { Module } from './module.ts'

export interface MlpOptions {
  inFeatures: number
  hiddenFeatures: number
  outFeatures: number
  /** Epsilon of a LayerNorm between GELU and `fc2`; none when absent. */
  normEps?: number
  approximate?: GeluApproximation
}

export class Mlp extends Module {
  readonly fc1: Linear
  readonly norm: LayerNorm | null
  readonly fc2: Linear
  readonly #approximate: GeluApproximation

  constructor({ inFeatures, hiddenFeatures, outFeatures, normEps, approximate = 'none' }: MlpOptions) {
    super()
    this.fc1 = new Linear(inFeatures, hiddenFeatures)
    this.norm = normEps === undefined ? null : new LayerNorm(hiddenFeatures, normEps)
    this.fc2 = new Linear(hiddenFeatures, outFeatures)
    this.#approximate = approximate
  }

  /** [..., in] -> [..., out] */
  forward(x: Tensor): Tensor {
    return tidy(() => this.fc2.forward(this.hidden(x)))
  }

  /** What `fc2` reads: [..., in] -> [..., hidden] */
  hidden(x: Tensor): Tensor {
    return tidy(() => {
      const h = this.fc1.forwardGelu(x, this.#approximate)
      return this.norm ? this.norm.forward(h) : h
    })
  }
}
