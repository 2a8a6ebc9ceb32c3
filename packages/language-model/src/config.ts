// Configuration of a Qwen2 decoder as `config.json` spells it, with the defaults of transformers' Qwen2Config.
// Fields that change no number are ignored, as transformers does; those that would are refused.

import { ConfigError, PACKED_GROUP, TORCH_DTYPES } from '@ps3js/tensor'
import { z } from 'zod'

const positive = z.int().positive()

const scaling = z.looseObject({
  rope_type: z.string().optional(),
  /** Its name in older files. */
  type: z.string().optional(),
  factor: z.number().positive().optional(),
  /** transformers 5 keeps theta here. */
  rope_theta: z.number().positive().optional(),
})

const schema = z.object({
  model_type: z.literal('qwen2').default('qwen2'),
  vocab_size: positive.default(151936),
  hidden_size: positive.default(4096),
  intermediate_size: positive.default(22016),
  num_hidden_layers: z.int().nonnegative().default(32),
  num_attention_heads: positive.default(32),
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  hidden_act: z.literal('silu', 'only "silu" is supported').default('silu'),
  max_position_embeddings: positive.default(32768),
  initializer_range: z.number().positive().default(0.02),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: scaling.nullish(),
  rope_parameters: scaling.nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: positive.nullable().default(4096),
  /** The first of all layers that attend to everything even so. */
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z.array(z.literal('full_attention', 'only full attention is supported')).nullish(),
  quantization_config: z
    .object({
      quant_method: z.literal(
        'ps3',
        "weights quantised by other tools cannot be read: take the model's unquantised checkpoint, and `ps3 convert --quantize`",
      ),
      bits: z.literal([8, 4], 'only 8 and 4 bits are supported'),
      group_size: z.literal(PACKED_GROUP, `only groups of ${PACKED_GROUP} are supported`),
    })
    .nullish(),
})

/** A decoder's dimensions and constants. */
export interface LanguageModelConfig {
  vocabSize: number
  /** Width of embeddings and hidden states. */
  hiddenSize: number
  intermediateSize: number
  numLayers: number
  numHeads: number
  /** Heads of keys and values, each shared by `numHeads / numKeyValueHeads` heads of queries. */
  numKeyValueHeads: number
  headDim: number
  /** Longest sequence that the model was trained for. */
  maxPositions: number
  /** Standard deviation of fresh weights. */
  initializerRange: number
  normEps: number
  /** Whether the embedding's table is the output head, too. */
  tiedHead: boolean
  ropeTheta: number
  /** Positions are divided by this (linear RoPE scaling). */
  ropeFactor: number
  /** How `ps3 convert --quantize` has rounded the weights; null: as they are. */
  quantization: 'int8' | 'int4' | null
}

/** Reads a parsed `config.json`. Throws ConfigError listing every field that is wrong. */
export function parseLanguageModelConfig(json: unknown): LanguageModelConfig {
  const parsed = schema.safeParse(json)
  if (!parsed.success) {
    throw new ConfigError(`config.json is not that of a Qwen2 model:\n${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    })
  }
  const c = parsed.data
  const hasWindow = c.use_sliding_window && c.sliding_window !== null && !c.layer_types
  if (hasWindow && c.max_window_layers < c.num_hidden_layers) {
    throw new ConfigError(
      'config.json: use_sliding_window is not supported: set it to false for texts within the window',
    )
  }
  const rope = c.rope_parameters ?? c.rope_scaling
  const config: LanguageModelConfig = {
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    numLayers: c.num_hidden_layers,
    numHeads: c.num_attention_heads,
    numKeyValueHeads: c.num_key_value_heads ?? c.num_attention_heads,
    headDim: c.head_dim ?? c.hidden_size / c.num_attention_heads,
    maxPositions: c.max_position_embeddings,
    initializerRange: c.initializer_range,
    normEps: c.rms_norm_eps,
    tiedHead: c.tie_word_embeddings,
    ropeTheta: rope?.rope_theta ?? c.rope_theta ?? 10_000,
    ropeFactor: ropeFactor(rope),
    quantization: c.quantization_config ? (c.quantization_config.bits === 8 ? 'int8' : 'int4') : null,
  }
  checkFit(config)
  return config
}

/** How many tokens a sequence can have: linear RoPE scaling stretches what the model was trained for. */
export const contextLength = ({ maxPositions, ropeFactor }: LanguageModelConfig): number =>
  maxPositions * ropeFactor

/** The `config.json` that transformers reads. `dtype`: the number type of the weights beside it. */
export function languageModelConfigJson(
  config: LanguageModelConfig,
  dtype: keyof typeof TORCH_DTYPES = 'F32',
): Record<string, unknown> {
  return {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numLayers,
    num_attention_heads: config.numHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    initializer_range: config.initializerRange,
    rms_norm_eps: config.normEps,
    tie_word_embeddings: config.tiedHead,
    rope_theta: config.ropeTheta,
    rope_scaling: config.ropeFactor === 1 ? null : { rope_type: 'linear', factor: config.ropeFactor },
    use_sliding_window: false,
    // The second is its name since transformers 4.56; that wins where both are there.
    torch_dtype: TORCH_DTYPES[dtype],
    dtype: TORCH_DTYPES[dtype],
  }
}

function ropeFactor(rope: z.output<typeof scaling> | null | undefined): number {
  const type = rope?.rope_type ?? rope?.type ?? 'default'
  if (type === 'default') return 1
  if (type === 'linear' && rope?.factor) return rope.factor
  throw new ConfigError(
    `config.json: RoPE scaling ${JSON.stringify(rope)} is not supported; "default" and "linear" with a factor are`,
  )
}

function checkFit({ numHeads, numKeyValueHeads, headDim, hiddenSize }: LanguageModelConfig): void {
  if (!Number.isInteger(headDim)) {
    throw new ConfigError(`hidden_size ${hiddenSize} must be divisible by num_attention_heads ${numHeads}`)
  }
  if (headDim % 2 !== 0) throw new ConfigError(`head_dim ${headDim} must be even: RoPE turns pairs`)
  if (numHeads % numKeyValueHeads !== 0) {
    throw new ConfigError(
      `num_attention_heads ${numHeads} must be divisible by num_key_value_heads ${numKeyValueHeads}`,
    )
  }
}
