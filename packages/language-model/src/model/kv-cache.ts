// Keys and values of the tokens that one sequence has gone through. Tensors cannot grow in place, so each layer has a
// long part, which attention reads where it lies, and a short recent one, which is all that a new token copies.

import { concat, dispose, InvalidArgumentError, keep, slice, type Tensor, tidy } from '@ps3js/tensor'
import type { LanguageModelConfig } from '../config.ts'

/** Recent tokens are moved to the long part once there are so many: a copy of the cache every 256 tokens. */
const RECENT = 256

/** One layer's keys | values, oldest first: [1, tokens, 2 * keyWidth], null where there are none. */
export interface LayerCache {
  settled: Tensor | null
  recent: Tensor | null
}

/** Bytes that one token takes in a cache: keys and values of every layer in float32. */
export function cacheBytesPerToken({
  numLayers,
  numKeyValueHeads,
  headDim,
}: Pick<LanguageModelConfig, 'numLayers' | 'numKeyValueHeads' | 'headDim'>): number {
  return numLayers * 2 * numKeyValueHeads * headDim * 4
}

export class KeyValueCache {
  #layers: LayerCache[]
  #length = 0

  constructor(config: Pick<LanguageModelConfig, 'numLayers'>) {
    this.#layers = Array.from({ length: config.numLayers }, () => ({ settled: null, recent: null }))
  }

  /** Tokens held. */
  get length(): number {
    return this.#length
  }

  /** One layer's keys | values, which attention reads where they lie; they still belong to the cache. */
  layer(index: number): Readonly<LayerCache> {
    return this.#layers[index]!
  }

  /**
   * Takes `tokens` more tokens, as one [1, tokens, 2 * keyWidth] per layer, or, where a kernel has joined them to the layer's
   * recent ones, as [1, recent + tokens, 2 * keyWidth]. They are copied.
   */
  append(rows: readonly Tensor[], tokens: number): void {
    this.#replace(({ settled, recent }, i) => {
      const own = rows[i]!
      const grown = own.shape[1] === tokens ? join(recent, own) : own.clone()
      if (grown.shape[1]! < RECENT) return { settled: settled?.clone() ?? null, recent: grown }
      return { settled: join(settled, grown), recent: null }
    }, this.#length + tokens)
  }

  /** Forgets all tokens but the first `length`. */
  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new InvalidArgumentError(
        `cannot keep the first ${length} tokens of a cache that holds ${this.#length}`,
      )
    }
    if (length === this.#length) return
    this.#replace(({ settled, recent }) => {
      const long = settled?.shape[1] ?? 0
      return {
        settled: first(settled, Math.min(length, long)),
        recent: first(recent, Math.max(0, length - long)),
      }
    }, length)
  }

  /** A cache with the same tokens that goes on by itself; what both hold is in memory once. */
  fork(): KeyValueCache {
    const copy = new KeyValueCache({ numLayers: this.#layers.length })
    copy.#layers = this.#layers.map(({ settled, recent }) => ({
      settled: settled && keep(settled.clone()),
      recent: recent && keep(recent.clone()),
    }))
    copy.#length = this.#length
    return copy
  }

  dispose(): void {
    for (const layer of this.#layers) dispose(tensorsOf(layer))
    this.#layers = this.#layers.map(() => ({ settled: null, recent: null }))
    this.#length = 0
  }

  /** All layers or, when something throws, none. */
  #replace(change: (layer: LayerCache, index: number) => LayerCache, length: number): void {
    const before = this.#layers
    const after: LayerCache[] = []
    tidy(() => {
      after.push(...before.map(change))
      return after.flatMap(tensorsOf)
    })
    // A caller's tidy must not take them.
    for (const tensor of after.flatMap(tensorsOf)) keep(tensor)
    this.#layers = after
    this.#length = length
    for (const layer of before) dispose(tensorsOf(layer))
  }
}

/** What there is of a layer's cache, oldest first. */
export const tensorsOf = ({ settled, recent }: LayerCache) =>
  [settled, recent].filter((part): part is Tensor => part !== null)

const join = (before: Tensor | null, after: Tensor): Tensor =>
  before ? concat([before, after], 1) : after.clone()

const first = (part: Tensor | null, rows: number): Tensor | null =>
  part && rows > 0 ? slice(part, [0, 0, 0], [1, rows, -1]) : null
