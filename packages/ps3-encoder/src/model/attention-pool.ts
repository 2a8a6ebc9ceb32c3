// A latent query attends to the tokens: SigLIP's pooling head (timm AttentionPoolLatent).

import {
  add,
  attention,
  LayerNorm,
  Linear,
  Mlp,
  Module,
  normalInitializer,
  Parameter,
  reshape,
  split,
  type Tensor,
  tidy,
  tile,
} from '@ps3js/tensor'

export interface AttentionPoolConfig {
  width: number
  heads: number
  mlp_ratio: number
}

export class AttentionPool extends Module {
  readonly latent: Parameter
  readonly q: Linear
  readonly kv: Linear
  readonly proj: Linear
  readonly norm: LayerNorm
  readonly mlp: Mlp
  readonly #numHeads: number

  constructor({ width, heads, mlp_ratio }: AttentionPoolConfig) {
    super()
    this.latent = new Parameter([1, 1, width], normalInitializer(width ** -0.5))
    this.q = new Linear(width, width)
    this.kv = new Linear(width, 2 * width)
    this.proj = new Linear(width, width)
    this.norm = new LayerNorm(width, 1e-6)
    this.mlp = new Mlp({
      inFeatures: width,
      hiddenFeatures: Math.trunc(width * mlp_ratio),
      outFeatures: width,
    })
    this.#numHeads = heads
  }

  /** x [B, N, C] -> [B, C]. `mask` is added to the scores, [B, 1, 1, N]: 0 to pool a token, a large negative to skip it. */
  forward(x: Tensor, mask?: Tensor): Tensor {
    return tidy(() => {
      const batch = x.shape[0]!
      const query = this.q.forward(tile(this.latent.value, [batch, 1, 1]))
      const [keys, values] = split(this.kv.forward(x), 2, 2) as [Tensor, Tensor]
      const pooled = this.proj.forward(attention(query, keys, values, { numHeads: this.#numHeads, mask }))
      const out = add(pooled, this.mlp.forward(this.norm.forward(pooled)))
      return reshape(out, [batch, -1])
    })
  }
}
