// The language model: token ids or embeddings in, hidden states and logits out. Synchronous and differentiable; what
// takes long goes layer by layer through `steps`. T tokens of all sequences, one after another; V vocabulary.

import {
  CheckpointError,
  dispose,
  InvalidArgumentError,
  type LoadOptions,
  Module,
  reshape,
  type StateSource,
  split,
  type Tensor,
  TensorScope,
  tidy,
} from '@ps3js/tensor'
import { contextLength, type LanguageModelConfig } from '../config.ts'
import type { SequencePart } from './attention.ts'
import { Decoder } from './decoder.ts'
import { float32Layers, type LayerFactory, type LinearLayer } from './layers.ts'
import { packedLayers } from './packed-layers.ts'
import { rotaryTables } from './rotary.ts'

export interface ForwardOptions {
  /**
   * Hidden states to keep besides the last, as transformers counts them: 0 is the embeddings, i the output of the i-th layer,
   * for the last layer after the final norm.
   */
  hiddenStates?: readonly number[]
  /** Give the last so many tokens of each part only: the last layer leaves the others' work away. Default: all. */
  lastTokens?: number
}

export interface ForwardOutput {
  /** Hidden states after the final norm, which the head reads: [T, hidden], or fewer rows with `lastTokens`. */
  last: Tensor
  /** Those asked for, by index: [T, hidden] */
  hiddenStates: Map<number, Tensor>
}

export class Qwen2 extends Module {
  readonly model: Decoder
  readonly lm_head: LinearLayer | null
  readonly config: LanguageModelConfig

  /** Builds the model without values: follow with `initialize(seed)` or `loadStateDict(...)`, or use `loadLanguageModel`. */
  constructor(config: LanguageModelConfig, layers: LayerFactory = layersOf(config)) {
    super()
    this.config = config
    this.model = new Decoder(config, layers)
    const { hiddenSize, vocabSize, initializerRange: std } = config
    const shape = { name: 'lm_head', inFeatures: hiddenSize, outFeatures: vocabSize, bias: false, std }
    this.lm_head = config.tiedHead ? null : layers.linear(shape)
  }

  /** Embeddings of token ids: [T, hidden]. Throws InvalidArgumentError for ids outside the vocabulary. */
  embed(ids: Int32Array | readonly number[]): Tensor {
    const { vocabSize } = this.config
    const wrong = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize))
    if (wrong >= 0) {
      throw new InvalidArgumentError(
        `token id ${ids[wrong]} (at ${wrong} of ${ids.length}) is not in the vocabulary of ${vocabSize}: does the tokenizer belong to this model?`,
      )
    }
    return this.model.embed_tokens.lookUp(Int32Array.from(ids))
  }

  /**
   * Runs all layers. Sequences lie one after another in the rows; each part's tokens follow those that its `past` holds,
   * which receives theirs, or those of the part that it names as `after`.
   *
   * @param embeddings [T, hidden], T the sum of the parts' lengths
   */
  forward(embeddings: Tensor, parts: readonly SequencePart[], options: ForwardOptions = {}): ForwardOutput {
    const steps = this.steps(embeddings, parts, options)
    for (;;) {
      const { done, value } = steps.next()
      if (done) return value
    }
  }

  /** `forward`, with a pause after every layer. Caches change at the end only: what is left early leaves no trace. */
  *steps(
    embeddings: Tensor,
    parts: readonly SequencePart[],
    { hiddenStates = [], lastTokens }: ForwardOptions = {},
  ): Generator<void, ForwardOutput> {
    this.#check(embeddings, parts)
    const { numLayers } = this.config
    const beyond = hiddenStates.find((i) => !(Number.isInteger(i) && i >= 0 && i <= numLayers))
    if (beyond !== undefined) {
      throw new InvalidArgumentError(`there is no hidden state ${beyond}: they are 0 to ${numLayers}`)
    }
    const scope = new TensorScope()
    const added: Tensor[][] = []
    try {
      const rotary = scope.run(() => ({ ...rotaryTables(positionsOf(parts), this.config) }))
      const kept = new Map<number, Tensor>()
      let x = scope.track(embeddings.clone())
      for (const [i, layer] of this.model.layers.entries()) {
        if (hiddenStates.includes(i)) kept.set(i, scope.track(x.clone()))
        const rows = i === numLayers - 1 ? lastRows(parts, lastTokens) : null
        const { output, keysValues } = scope.run(() => layer.forward(x, rotary, parts, i, rows))
        if (parts.some(({ past }) => past)) added.push(scope.run(() => bySequence(keysValues, parts)))
        scope.keep([keysValues, x])
        dispose([keysValues, x])
        x = output
        yield
      }
      const last = scope.run(() => this.model.norm.forward(x))
      if (hiddenStates.includes(numLayers)) kept.set(numLayers, scope.track(last.clone()))
      parts.forEach(({ past, length }, s) => {
        past?.append(
          added.map((rows) => rows[s]!),
          length,
        )
      })
      scope.keep([last, ...kept.values()])
      return { last, hiddenStates: kept }
    } finally {
      scope.dispose()
    }
  }

  /** Scores of the next token: hidden states after the final norm [..., hidden] -> [..., V] */
  logits(last: Tensor): Tensor {
    return this.lm_head ? this.lm_head.forward(last) : this.model.embed_tokens.project(last)
  }

  /** Loads a checkpoint; the spare copy of the head that some files of tied models hold is left alone. */
  override async loadStateDict(source: StateSource, options: LoadOptions = {}): Promise<void> {
    const { ignore = () => false } = options
    const tied = this.lm_head === null
    const spare = (name: string) =>
      (tied && name === 'lm_head.weight') || name.endsWith('.rotary_emb.inv_freq') || ignore(name)
    const missingHead = !tied && ![...source.names()].some((name) => name.startsWith('lm_head.'))
    if (missingHead) {
      throw new CheckpointError(
        'the checkpoint has no lm_head.weight, but config.json says tie_word_embeddings false: set it to true if the head is the embedding table',
      )
    }
    await super.loadStateDict(source, { ...options, ignore: spare })
  }

  #check(embeddings: Tensor, parts: readonly SequencePart[]): void {
    const { hiddenSize } = this.config
    const tokens = parts.reduce((sum, { length }) => sum + length, 0)
    const [rows, width] = embeddings.shape
    if (embeddings.rank !== 2 || rows !== tokens || width !== hiddenSize || tokens === 0) {
      throw new InvalidArgumentError(
        `embeddings are [${embeddings.shape.join(', ')}], expected [${tokens}, ${hiddenSize}]: one row for each token, at least one`,
      )
    }
    const limit = contextLength(this.config)
    for (const [i, { length, past, after }] of parts.entries()) {
      if (!(length >= 1)) throw new InvalidArgumentError(`part ${i} has no tokens: it needs at least one`)
      if (past && parts.findIndex((other) => other.past === past) < i) {
        throw new InvalidArgumentError(
          `part ${i} has the cache of an earlier part: fork() it, so that each has its own`,
        )
      }
      const first = after === undefined ? undefined : parts[after]
      if (after !== undefined && (past || !first || after >= i || first.past || first.after !== undefined)) {
        throw new InvalidArgumentError(
          `part ${i} follows part ${after}: that must be an earlier one, and neither may follow anything else`,
        )
      }
      const total = length + (past?.length ?? first?.length ?? 0)
      if (total <= limit) continue
      throw new InvalidArgumentError(
        `a sequence of ${total} tokens is longer than the ${limit} positions that this model was made for: shorten it`,
      )
    }
  }
}

/** As the checkpoint stores them where it is quantised, else float32. */
const layersOf = ({ quantization }: LanguageModelConfig): LayerFactory =>
  quantization ? packedLayers(quantization) : float32Layers

function positionsOf(parts: readonly SequencePart[]): number[] {
  return parts.flatMap(({ length, past, after }) => {
    const start = after === undefined ? (past?.length ?? 0) : parts[after]!.length
    return Array.from({ length }, (_, i) => start + i)
  })
}

/** Where the last tokens of each part lie; null where that is everywhere. */
function lastRows(parts: readonly SequencePart[], count = Number.POSITIVE_INFINITY): Int32Array | null {
  if (parts.every(({ length }) => length <= count)) return null
  let end = 0
  return Int32Array.from(
    parts.flatMap(({ length }) => {
      end += length
      const wanted = Math.min(count, length)
      return Array.from({ length: wanted }, (_, i) => end - wanted + i)
    }),
  )
}

/** [T, 2KD] -> [1, length, 2KD] for each sequence; what a kernel has joined to a cache's recent ones stays as it is. */
function bySequence(keysValues: Tensor, parts: readonly SequencePart[]): Tensor[] {
  if (keysValues.rank === 3) return [keysValues.clone()]
  const lengths = parts.map(({ length }) => length)
  return tidy(() => {
    const each = parts.length === 1 ? [keysValues] : split(keysValues, lengths, 0)
    return each.map((rows) => reshape(rows, [1, ...rows.shape]))
  })
}
