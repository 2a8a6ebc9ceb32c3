// Generation: prompts are read once, then tokens come one by one for all unfinished sequences together.

import {
  InvalidArgumentError,
  PS3Error,
  Random,
  runSteps,
  type Tensor,
  TensorScope,
  tensorData,
} from '@ps3js/tensor'
import { KeyValueCache } from '../model/kv-cache.ts'
import type { Qwen2 } from '../model/qwen2.ts'
import {
  checkRoom,
  type PrefillOptions,
  type Prompt,
  prefill,
  promptLength,
  requireCount,
} from './prefill.ts'
import { checkSampling, pickToken, type SamplingOptions } from './sampling.ts'

export interface GenerateOptions extends SamplingOptions, Omit<PrefillOptions, 'meanOver'> {
  /** Most tokens per answer. Default 256. */
  maxTokens?: number
  /** Ids that end an answer, such as the end-of-text token; they are given, too. */
  stopIds?: readonly number[]
  /** Sequence i of a batch draws from seed + i, so that it says what it says alone with that seed. Default 0. */
  seed?: number
  /** Asked for every token before it is given; true ends its answer. */
  isDone?: (token: GeneratedToken) => boolean
}

export interface GeneratedToken {
  /** Which prompt it answers. */
  sequence: number
  id: number
  /** How many tokens its answer had before. */
  index: number
}

/** A prompt, with the cache of what comes before it where that is to be kept; the cache still belongs to the caller. */
export interface GenerationPart {
  prompt: Prompt
  past?: KeyValueCache
}

interface Sequence {
  index: number
  past: KeyValueCache
  seen: Set<number>
  random: Random
  count: number
}

/**
 * Answers prompts of any lengths, token by token: each sequence gets exactly what it would get alone. Stop reading
 * (`break`) or abort the signal to end early; either frees everything.
 *
 * @throws InvalidArgumentError before any work starts when options are out of range or a sequence would not fit
 */
export async function* generate(
  model: Qwen2,
  parts: readonly GenerationPart[],
  options: GenerateOptions = {},
): AsyncGenerator<GeneratedToken, void, void> {
  const { maxTokens = 256, stopIds = [], seed = 0, isDone, signal } = options
  checkGeneration(options)
  for (const { prompt, past } of parts) checkRoom(model, past?.length ?? 0, promptLength(prompt), maxTokens)
  using scope = new TensorScope()
  const sequences = parts.map(
    ({ prompt, past }, index): Sequence => ({
      index,
      past: past ?? scope.track(new KeyValueCache(model.config)),
      seen: new Set('shape' in prompt ? [] : prompt),
      random: new Random(seed + index),
      count: 0,
    }),
  )
  const read = parts.map(({ prompt }, i) => ({ prompt, past: sequences[i]!.past }))
  let states = scope.track(await prefill(model, read, options))
  let active = sequences
  for (;;) {
    const logits = scope.run(() => model.logits(states))
    const scores = await tensorData(logits, { signal })
    release(scope, [states, logits])
    const goingOn: { sequence: Sequence; id: number }[] = []
    for (const [row, sequence] of active.entries()) {
      const own = scores.subarray(row * model.config.vocabSize, (row + 1) * model.config.vocabSize)
      const id = next(own, sequence, options)
      const token = { sequence: sequence.index, id, index: sequence.count++ }
      sequence.seen.add(id)
      const ended = isDone?.(token) || stopIds.includes(id) || sequence.count === maxTokens
      if (!ended) goingOn.push({ sequence, id })
      yield token
      signal?.throwIfAborted()
    }
    if (goingOn.length === 0) return
    active = goingOn.map(({ sequence }) => sequence)
    const embeddings = scope.run(() => model.embed(goingOn.map(({ id }) => id)))
    const rows = active.map(({ past }) => ({ length: 1, past }))
    states = scope.track((await runSteps(model.steps(embeddings, rows), signal)).last)
    release(scope, [embeddings])
  }
}

/** @throws InvalidArgumentError for an option out of its range; `generate` checks this, too. */
export function checkGeneration({ maxTokens, seed = 0, chunkTokens, ...sampling }: GenerateOptions): void {
  checkSampling(sampling)
  requireCount('maxTokens', maxTokens)
  requireCount('chunkTokens', chunkTokens)
  if (!Number.isSafeInteger(seed)) throw new InvalidArgumentError(`seed is ${seed}; it must be an integer`)
}

function next(scores: Float32Array, { seen, random, index }: Sequence, options: SamplingOptions): number {
  const wrong = firstNotFinite(scores)
  if (wrong >= 0) {
    throw new PS3Error(
      'not-finite',
      `the score of token ${wrong} for prompt ${index} is ${scores[wrong]}: weights or embeddings hold values that are not finite`,
    )
  }
  return pickToken(scores, seen, options, random)
}

/** Not `findIndex`: a call for each of 150,000 tokens takes longer than choosing one. */
function firstNotFinite(scores: Float32Array): number {
  for (let i = 0; i < scores.length; i++) if (!Number.isFinite(scores[i])) return i
  return -1
}

function release(scope: TensorScope, tensors: Tensor[]): void {
  scope.keep(tensors)
  for (const tensor of tensors) tensor.dispose()
}
