// PS3's text tower (open_clip's TextTransformer): token ids to a pooled feature, and from it the prompt that steers
// the selection. Shapes: B batch, N context length, W text width.

import {
  add,
  attention,
  constantInitializer,
  gatherRows,
  InvalidArgumentError,
  LayerNorm,
  Linear,
  l2Normalize,
  linear,
  Mlp,
  Module,
  matMul,
  mul,
  normalInitializer,
  Parameter,
  reshape,
  selfAttention,
  slice,
  split,
  type Tensor,
  tensor2d,
  tidy,
} from '@ps3js/tensor'
import type { TextConfig } from '../model/config.ts'

/** torch.nn.LayerNorm's own default, which holds where the config gives none. */
const DEFAULT_EPS = 1e-5

class Embedding extends Module {
  readonly weight: Parameter

  constructor(count: number, width: number) {
    super()
    this.weight = new Parameter([count, width], normalInitializer(width ** -0.5))
  }
}

class LayerScale extends Module {
  readonly gamma: Parameter

  constructor(width: number, start: number) {
    super()
    this.gamma = new Parameter([width], constantInitializer(start))
  }
}

class TextAttention extends Module {
  readonly in_proj_weight: Parameter
  readonly in_proj_bias: Parameter
  readonly out_proj: Linear
  readonly #numHeads: number

  constructor(width: number, numHeads: number, outStd: number) {
    super()
    this.in_proj_weight = new Parameter([3 * width, width], normalInitializer(width ** -0.5))
    this.in_proj_bias = new Parameter([3 * width], (values) => void values.fill(0))
    this.out_proj = new Linear(width, width, { init: normalInitializer(outStd) })
    this.#numHeads = numHeads
  }

  forward(x: Tensor, mask?: Tensor): Tensor {
    const numHeads = this.#numHeads
    const bias = this.in_proj_bias.value
    const projected = linear(x, this.in_proj_weight.value)
    if (!mask) return this.out_proj.forward(selfAttention(projected, { numHeads, bias }))
    const [q, k, v] = split(add(projected, bias), 3, 2) as [Tensor, Tensor, Tensor]
    return this.out_proj.forward(attention(q, k, v, { numHeads, mask }))
  }
}

class TextMlp extends Module {
  readonly c_fc: Linear
  readonly c_proj: Linear
  readonly #approximate: 'none' | 'tanh'

  constructor(width: number, hidden: number, outStd: number, approximate: 'none' | 'tanh') {
    super()
    this.c_fc = new Linear(width, hidden, { init: normalInitializer((2 * width) ** -0.5) })
    this.c_proj = new Linear(hidden, width, { init: normalInitializer(outStd) })
    this.#approximate = approximate
  }

  forward(x: Tensor): Tensor {
    return this.c_proj.forward(this.c_fc.forwardGelu(x, this.#approximate))
  }
}

class ResidualBlock extends Module {
  readonly ln_1: LayerNorm
  readonly attn: TextAttention
  readonly ls_1: LayerScale | null
  readonly ln_2: LayerNorm
  readonly mlp: TextMlp
  readonly ls_2: LayerScale | null

  constructor(config: TextConfig) {
    super()
    const { width, heads, layers, mlp_ratio, ls_init_value, norm_kwargs, act_kwargs } = config
    const eps = norm_kwargs.eps ?? DEFAULT_EPS
    const outStd = width ** -0.5 * (2 * layers) ** -0.5
    this.ln_1 = new LayerNorm(width, eps)
    this.attn = new TextAttention(width, heads, outStd)
    this.ls_1 = ls_init_value ? new LayerScale(width, ls_init_value) : null
    this.ln_2 = new LayerNorm(width, eps)
    this.mlp = new TextMlp(width, Math.trunc(width * mlp_ratio), outStd, act_kwargs.approximate ?? 'none')
    this.ls_2 = ls_init_value ? new LayerScale(width, ls_init_value) : null
  }

  forward(x: Tensor, mask?: Tensor): Tensor {
    return tidy(() => {
      const attended = add(x, scaled(this.attn.forward(this.ln_1.forward(x), mask), this.ls_1))
      return add(attended, scaled(this.mlp.forward(this.ln_2.forward(attended)), this.ls_2))
    })
  }
}

const scaled = (x: Tensor, scale: LayerScale | null) => (scale ? mul(x, scale.gamma.value) : x)

class TextBlocks extends Module {
  readonly resblocks: ResidualBlock[]

  constructor(config: TextConfig) {
    super()
    this.resblocks = Array.from({ length: config.layers }, () => new ResidualBlock(config))
  }
}

export type TextOutput = {
  /** [B, output_dim], not normalised. */
  pooled: Tensor
  /** [B, prompt_proj_dim]: what steers the selection top-down. */
  prompt: Tensor
}

export class TextTransformer extends Module {
  readonly token_embedding: Embedding
  readonly positional_embedding: Parameter
  readonly transformer: TextBlocks
  readonly ln_final: LayerNorm
  readonly text_projection: Linear | Parameter
  readonly prompt_proj: Mlp
  readonly #config: TextConfig

  constructor(config: TextConfig) {
    super()
    const { vocab_size, width, context_length, output_dim, prompt_proj_dim, proj_bias, norm_kwargs } = config
    const init = normalInitializer(width ** -0.5)
    this.#config = config
    this.token_embedding = new Embedding(vocab_size, width)
    this.positional_embedding = new Parameter([context_length, width], normalInitializer(0.01))
    this.transformer = new TextBlocks(config)
    this.ln_final = new LayerNorm(width, norm_kwargs.eps ?? DEFAULT_EPS)
    this.text_projection = proj_bias
      ? new Linear(width, output_dim, { init })
      : new Parameter([width, output_dim], init)
    this.prompt_proj = new Mlp({
      inFeatures: output_dim,
      hiddenFeatures: prompt_proj_dim,
      outFeatures: prompt_proj_dim,
      normEps: DEFAULT_EPS,
    })
  }

  get contextLength(): number {
    return this.#config.context_length
  }

  /** Rows of token ids, each of at most the context length and all equally long. Dispose both outputs. */
  forward(ids: readonly Int32Array[]): TextOutput {
    return tidy(() => {
      const states = this.hiddenStates(ids)
      const { pooled, prompt } = this.head(states[states.length - 1]!, ids)
      return { pooled, prompt }
    })
  }

  /** Embeddings with positions, then every block's output: [B, N, W] each. */
  hiddenStates(ids: readonly Int32Array[]): Tensor[] {
    const { length, flat } = this.#checkIds(ids)
    return tidy(() => {
      const positions = slice(this.positional_embedding.value, 0, length)
      const mask = this.#config.no_causal_mask ? undefined : causalMask(length)
      const embedded = reshape(gatherRows(this.token_embedding.weight.value, flat), [ids.length, length, -1])
      const states: Tensor[] = [add(embedded, positions)]
      for (const block of this.transformer.resblocks)
        states.push(block.forward(states[states.length - 1]!, mask))
      return states
    })
  }

  /** Final norm, pooling and projections of the last block's output. */
  head(
    x: Tensor,
    ids: readonly Int32Array[],
  ): TextOutput & {
    normed: Tensor
  } {
    return tidy(() => {
      const normed = this.ln_final.forward(x)
      const [batch, length, width] = normed.shape as [number, number, number]
      const rows = Int32Array.from(ids, (row, sample) => sample * length + this.#pooledPosition(row))
      const token = gatherRows(reshape(normed, [batch * length, width]), rows)
      const projection = this.text_projection
      const pooled =
        projection instanceof Linear ? projection.forward(token) : matMul(token, projection.value)
      return { normed, pooled, prompt: this.prompt_proj.forward(l2Normalize(pooled)) }
    })
  }

  #pooledPosition(ids: Int32Array): number {
    switch (this.#config.pool_type) {
      case 'first':
        return 0
      case 'last':
        return ids.length - 1
      case 'argmax':
        return ids.reduce((best, id, i) => (id > ids[best]! ? i : best), 0)
    }
  }

  #checkIds(ids: readonly Int32Array[]): { length: number; flat: Int32Array } {
    const { context_length, vocab_size } = this.#config
    const length = ids[0]?.length ?? 0
    if (length === 0 || length > context_length || ids.some((row) => row.length !== length)) {
      throw new InvalidArgumentError(
        `token ids need rows of one length between 1 and ${context_length}, got ${ids.map((row) => row.length)}`,
      )
    }
    const flat = Int32Array.from(ids.flatMap((row) => [...row]))
    const wrong = flat.find((id) => id < 0 || id >= vocab_size)
    if (wrong !== undefined) {
      throw new InvalidArgumentError(
        `token id ${wrong} lies outside the model's vocabulary of ${vocab_size}: the tokenizer belongs to another model`,
      )
    }
    return { length, flat }
  }
}

/** Large enough to vanish in a softmax, small enough to stay finite on every backend. */
const MASKED = -1e9

/** [N, N]: a token sees itself and what came before. */
function causalMask(length: number): Tensor {
  const mask = new Float32Array(length * length)
  for (let row = 0; row < length; row++) mask.fill(MASKED, row * length + row + 1, (row + 1) * length)
  return tensor2d(mask, [length, length])
}
