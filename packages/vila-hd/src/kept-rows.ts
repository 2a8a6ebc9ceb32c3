// Keys and values of a sequence that the language model has read, kept for the next sequence that begins alike.

import { KeyValueCache, type LanguageModelConfig } from '@ps3js/language-model'

/** What stands in a row: a token id, or the name of a picture's token. Equal keys mean equal rows. */
export type RowKey = number | string

export class KeptRows {
  readonly cache: KeyValueCache
  #keys: RowKey[] = []

  constructor(config: Pick<LanguageModelConfig, 'numLayers'>, cache = new KeyValueCache(config)) {
    this.cache = cache
  }

  /** With how many rows of its beginning `keys` agrees; what was never read to its end does not count. */
  common(keys: readonly RowKey[]): number {
    const most = Math.min(keys.length, this.#keys.length, this.cache.length)
    let count = 0
    while (count < most && keys[count] === this.#keys[count]) count++
    return count
  }

  /** Forgets all rows but the first `count`, after which the rest of `keys` is to be read. */
  goOn(keys: readonly RowKey[], count: number): void {
    this.cache.truncate(count)
    this.#keys = [...keys]
  }

  /** A row that is to be read next. */
  push(key: RowKey): void {
    this.#keys.push(key)
  }

  /** The same rows, to go on from in another way; what both hold is in memory once. */
  fork(config: Pick<LanguageModelConfig, 'numLayers'>): KeptRows {
    const copy = new KeptRows(config, this.cache.fork())
    copy.#keys = [...this.#keys]
    return copy
  }

  dispose(): void {
    this.cache.dispose()
    this.#keys = []
  }
}
