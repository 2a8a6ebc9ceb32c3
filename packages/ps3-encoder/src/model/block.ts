// Pre-norm transformer block whose attention may also see cached keys and values (Dosovitskiy et al.,
// arXiv:2010.11929; PS3, section 3.3). Shapes: B batch, N tokens, M cached tokens, C width.

import {
  add,
  LayerNorm,
  Linear,
  linear,
  Mlp,
  Module,
  selfAttention,
  slice,
  type Tensor,
  tidy,
} from '@ps3js/tensor'

export interface BlockConfig {
  width: number
  heads: number
  mlp_hidden: number
}

const EPS = 1e-6

class Attention extends Module {
  readonly qkv: Linear
  readonly proj: Linear
  readonly #numHeads: number

  constructor(width: number, numHeads: number) {
    super()
    this.qkv = new Linear(width, 3 * width)
    this.proj = new Linear(width, width)
    this.#numHeads = numHeads
  }

  /** Raw q | k | v without their bias, which `attend` folds in: [B, N, C] -> [B, N, 3C] */
  project(x: Tensor): Tensor {
    return linear(x, this.qkv.weight.value)
  }

  /** [B, N, 3C] -> [B, N, C] */
  attend(projected: Tensor, prefix?: Tensor): Tensor {
    const bias = this.qkv.bias!.value
    return this.proj.forward(selfAttention(projected, { numHeads: this.#numHeads, bias, prefix }))
  }

  /** Keys and values with their bias, from raw projections: [B, N, 3C] -> [B, N, 2C] */
  keysValues(projected: Tensor): Tensor {
    const width = this.proj.weight.shape[0]!
    return add(slice(projected, [0, 0, width]), slice(this.qkv.bias!.value, width))
  }
}

export class Block extends Module {
  readonly norm1: LayerNorm
  readonly attn: Attention
  readonly norm2: LayerNorm
  readonly mlp: Mlp

  constructor({ width, heads, mlp_hidden }: BlockConfig) {
    super()
    this.norm1 = new LayerNorm(width, EPS)
    this.attn = new Attention(width, heads)
    this.norm2 = new LayerNorm(width, EPS)
    this.mlp = new Mlp({ inFeatures: width, hiddenFeatures: mlp_hidden, outFeatures: width })
  }

  /** x [B, N, C], prefix [B, M, 2C] -> [B, N, C] */
  forward(x: Tensor, prefix?: Tensor): Tensor {
    return tidy(() => {
      const attended = tidy(() => add(x, this.attn.attend(this.attn.project(this.norm1.forward(x)), prefix)))
      return this.#feedForward(attended)
    })
  }

  /** The same, and the keys and values [B, N, 2C] that later tokens may attend to. */
  forwardWithCache(x: Tensor): { x: Tensor; keysValues: Tensor } {
    return tidy(() => {
      const [attended, keysValues] = tidy(() => {
        const projected = this.attn.project(this.norm1.forward(x))
        return [add(x, this.attn.attend(projected)), this.attn.keysValues(projected)] as [Tensor, Tensor]
      })
      return { x: this.#feedForward(attended), keysValues }
    })
  }

  #feedForward(x: Tensor): Tensor {
    return tidy(() => add(x, this.mlp.forward(this.norm2.forward(x))))
  }
}
