// Replays recorded random choices: whoever asks for another range than the reference did, or too often, fails.

import type { Draws } from '@ps3js/data-pipeline'
import { InvalidArgumentError } from '@ps3js/tensor'

export type RecordedDraw =
  | { kind: 'uniform'; low: number; high: number; value: number }
  | { kind: 'integer'; low: number; high: number; value: number }
  | { kind: 'pick'; n: number; count: number; value: number[] }

/** Bounds that are logarithms in float32. */
const SAME_BOUND = 1e-6

export class RecordedDraws implements Draws {
  readonly #draws: RecordedDraw[]

  constructor(draws: readonly RecordedDraw[]) {
    this.#draws = [...draws]
  }

  /** How many were recorded and not asked for. */
  get left(): number {
    return this.#draws.length
  }

  uniform(low: number, high: number): number {
    return this.#bounded('uniform', low, high, SAME_BOUND)
  }

  integer(low: number, high: number): number {
    return this.#bounded('integer', low, high, 0)
  }

  pick(n: number, count: number): number[] {
    const next = this.#draws.shift()
    if (next?.kind === 'pick' && next.n === n && next.count === count) return [...next.value]
    throw unlike(`${count} of ${n}`, next)
  }

  #bounded(kind: 'uniform' | 'integer', low: number, high: number, tolerance: number): number {
    const next = this.#draws.shift()
    const isSame =
      next?.kind === kind && Math.abs(next.low - low) <= tolerance && Math.abs(next.high - high) <= tolerance
    if (isSame) return next.value
    throw unlike(`${kind} in ${low} .. ${high}`, next)
  }
}

const unlike = (asked: string, recorded: RecordedDraw | undefined) =>
  new InvalidArgumentError(
    `drew ${asked} where ${recorded ? JSON.stringify(recorded) : 'nothing'} was recorded`,
  )
