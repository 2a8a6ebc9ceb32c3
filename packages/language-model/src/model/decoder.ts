// The Qwen2 decoder (Qwen2 technical report, arXiv:2407.10671; names of transformers' Qwen2Model).
// T tokens of all sequences, one after another.

import { add, gatherRows, Module, siluMul, type Tensor, tidy } from '@ps3js/tensor'
import type { LanguageModelConfig } from '../config.ts'
import { SelfAttention, type SequencePart } from './attention.ts'
import { fusedLayer } from './fused-layer.ts'
import type { EmbeddingLayer, LayerFactory, LinearLayer } from './layers.ts'
import { RmsNorm } from './rms-norm.ts'
import type { RotaryTables } from './rotary.ts'

/** SwiGLU (Shazeer, arXiv:2002.05202). */
class GatedMlp extends Module {
  readonly gate_proj: LinearLayer
  readonly up_proj: LinearLayer
  readonly down_proj: LinearLayer

  constructor(
    { hiddenSize, intermediateSize, initializerRange: std }: LanguageModelConfig,
    layers: LayerFactory,
  ) {
    super()
    const project = (name: string, inFeatures: number, outFeatures: number) =>
      layers.linear({ name, inFeatures, outFeatures, bias: false, std })
    this.gate_proj = project('gate_proj', hiddenSize, intermediateSize)
    this.up_proj = project('up_proj', hiddenSize, intermediateSize)
    this.down_proj = project('down_proj', intermediateSize, hiddenSize)
  }

  forward(x: Tensor): Tensor {
    return tidy(() => this.down_proj.forward(siluMul(this.gate_proj.forward(x), this.up_proj.forward(x))))
  }
}

export class DecoderLayer extends Module {
  readonly input_layernorm: RmsNorm
  readonly self_attn: SelfAttention
  readonly post_attention_layernorm: RmsNorm
  readonly mlp: GatedMlp
  readonly #config: LanguageModelConfig

  constructor(config: LanguageModelConfig, layers: LayerFactory) {
    super()
    this.input_layernorm = new RmsNorm(config.hiddenSize, config.normEps)
    this.self_attn = new SelfAttention(config, layers)
    this.post_attention_layernorm = new RmsNorm(config.hiddenSize, config.normEps)
    this.mlp = new GatedMlp(config, layers)
    this.#config = config
  }

  /**
   * x [T, hidden] -> the next layer's [T, hidden], or some rows of it, and what the caches are to take: keys | values of all
   * these tokens [T, 2KD], or for one sequence with them its cache's recent ones [1, P + T, 2KD].
   */
  forward(
    x: Tensor,
    rotary: RotaryTables,
    parts: readonly SequencePart[],
    index: number,
    rows: Int32Array | null = null,
  ): { output: Tensor; keysValues: Tensor } {
    const past = parts.length === 1 ? parts[0]!.past : null
    const fused = past && !rows && fusedLayer(this, this.#config, x, rotary, past.layer(index))
    if (fused) return fused
    return tidy(() => {
      const { output, keysValues } = this.self_attn.forward(
        this.input_layernorm.forward(x),
        rotary,
        parts,
        index,
        rows,
      )
      const h = add(rows ? gatherRows(x, rows) : x, output)
      return { output: add(h, this.mlp.forward(this.post_attention_layernorm.forward(h))), keysValues }
    })
  }
}

export class Decoder extends Module {
  readonly embed_tokens: EmbeddingLayer
  readonly layers: DecoderLayer[]
  readonly norm: RmsNorm

  constructor(config: LanguageModelConfig, layers: LayerFactory) {
    super()
    this.embed_tokens = layers.embedding(config.vocabSize, config.hiddenSize, config.initializerRange)
    this.layers = Array.from({ length: config.numLayers }, () => new DecoderLayer(config, layers))
    this.norm = new RmsNorm(config.hiddenSize, config.normEps)
  }
}
