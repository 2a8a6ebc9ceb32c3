// Samples that are left out: each one told, all of them counted, too many an error.

import { ResourceError } from '@ps3js/tensor'
import type { SkippedSample } from '../types.ts'

export class SkipCount {
  count: number
  readonly #limit: number
  readonly #onSkip: ((skipped: SkippedSample) => void) | undefined

  constructor(limit: number, onSkip?: (skipped: SkippedSample) => void, count = 0) {
    this.#limit = limit
    this.#onSkip = onSkip
    this.count = count
  }

  /** @throws ResourceError beyond the limit */
  add(skipped: SkippedSample): void {
    this.count++
    this.#onSkip?.(skipped)
    if (this.count <= this.#limit) return
    throw new ResourceError(
      `${this.count} samples were unusable, more than maxSkipped ${this.#limit}; the last is "${skipped.key}" in ${skipped.shard}: ${skipped.reason}`,
    )
  }
}
