// Reading prompts: their keys and values go into caches, chunk by chunk, so that memory does not grow with the prompt.

import {
  concat,
  InvalidArgumentError,
  mean,
  runSteps,
  slice,
  type Tensor,
  TensorScope,
  tidy,
} from '@ps3js/tensor'
import { contextLength } from '../config.ts'
import type { KeyValueCache } from '../model/kv-cache.ts'
import type { Qwen2 } from '../model/qwen2.ts'

/** Token ids, or embeddings [N, hidden] for prompts that hold more than text. */
export type Prompt = readonly number[] | Int32Array | Tensor

export interface PrefillOptions {
  /** Tokens that go through the layers together, of all sequences. Default 512. */
  chunkTokens?: number
  signal?: AbortSignal
  /** Give the mean of the states of so many tokens at each prompt's end. Default 1: the last token's. */
  meanOver?: number
  /** Tokens read so far, of all sequences. */
  onProgress?: (progress: { read: number; total: number }) => void
}

/** A prompt, and the cache that holds what comes before it. */
export interface PrefillPart {
  prompt: Prompt
  past: KeyValueCache
}

/**
 * Reads prompts of any lengths. Each cache then holds its prompt, too; when this throws, an unknown part of it: dispose
 * or truncate the caches.
 *
 * @returns the hidden state after the final norm of each prompt's last token, or the last ones' mean: [prompts, hidden]
 * @throws InvalidArgumentError for a prompt that is empty or shorter than `meanOver`, ids outside the vocabulary, or a
 *   sequence that grows too long
 */
export async function prefill(
  model: Qwen2,
  parts: readonly PrefillPart[],
  { chunkTokens = 512, signal, meanOver = 1, onProgress }: PrefillOptions = {},
): Promise<Tensor> {
  const lengths = parts.map(({ prompt }) => promptLength(prompt))
  if (parts.length === 0) throw new InvalidArgumentError('there is no prompt: give at least one')
  requireCount('chunkTokens', chunkTokens)
  checkMean(meanOver, lengths)
  parts.forEach(({ past }, i) => {
    checkRoom(model, past.length, lengths[i]!, 0)
  })
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const read = lengths.map(() => 0)
  using scope = new TensorScope()
  /** Of each prompt, the states that its result is made of. */
  const ends: Tensor[][] = parts.map(() => [])
  for (;;) {
    const unread = parts.map((_, i) => i).filter((i) => read[i]! < lengths[i]!)
    if (unread.length === 0) break
    const each = Math.max(1, Math.floor(chunkTokens / unread.length))
    const taken = unread.map((i) => Math.min(each, lengths[i]! - read[i]!))
    const embeddings = scope.run(() =>
      concat(
        unread.map((i, u) => embedPrompt(model, parts[i]!.prompt, read[i]!, taken[u]!)),
        0,
      ),
    )
    const rows = unread.map((i, u) => ({ length: taken[u]!, past: parts[i]!.past }))
    const { last } = scope.track(
      await runSteps(model.steps(embeddings, rows, { lastTokens: meanOver }), signal),
    )
    let row = 0
    unread.forEach((i, u) => {
      row += Math.min(taken[u]!, meanOver)
      read[i]! += taken[u]!
      const count = Math.min(taken[u]!, read[i]! - (lengths[i]! - meanOver))
      if (count > 0) ends[i]!.push(scope.run(() => slice(last, [row - count, 0], [count, -1])))
    })
    scope.keep([embeddings, last])
    embeddings.dispose()
    last.dispose()
    onProgress?.({ read: read.reduce((sum, n) => sum + n, 0), total })
  }
  return tidy(() =>
    concat(
      ends.map((states) => (meanOver === 1 ? states[0]! : mean(concat(states, 0), 0, true))),
      0,
    ),
  )
}

/** An option that counts something, where it is given. */
export function requireCount(name: string, count: number | undefined): void {
  if (count === undefined || (Number.isInteger(count) && count >= 1)) return
  throw new InvalidArgumentError(`${name} is ${count}; it must be an integer of at least 1`)
}

function checkMean(meanOver: number, lengths: readonly number[]): void {
  const shortest = Math.min(...lengths)
  if (Number.isInteger(meanOver) && meanOver >= 1 && meanOver <= shortest) return
  throw new InvalidArgumentError(
    `meanOver is ${meanOver}, expected an integer from 1 to the shortest prompt's ${shortest} tokens`,
  )
}

export function promptLength(prompt: Prompt): number {
  const length = 'shape' in prompt ? prompt.shape[0]! : prompt.length
  if (length > 0) return length
  throw new InvalidArgumentError('a prompt is empty: it needs at least one token')
}

/** Before any work starts: does everything fit into the model's context? */
export function checkRoom(model: Qwen2, past: number, prompt: number, answer: number): void {
  const limit = contextLength(model.config)
  if (past + prompt + answer <= limit) return
  throw new InvalidArgumentError(
    `${past + prompt} tokens of prompt and up to ${answer} of answer are more than the ${limit} positions of this model: shorten the prompt, or ask for at most ${Math.max(0, limit - past - prompt)}`,
  )
}

function embedPrompt(model: Qwen2, prompt: Prompt, start: number, count: number): Tensor {
  if ('shape' in prompt) return slice(prompt, [start, 0], [count, -1])
  return model.embed(prompt.slice(start, start + count))
}
