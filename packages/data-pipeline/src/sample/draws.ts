// The random choices behind one training sample, as an interface: from a seeded generator, or replayed from a record.

import { Random } from '@ps3js/tensor'

export interface Draws {
  /** Uniform between `low` and `high`. */
  uniform(low: number, high: number): number
  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number
  /** `count` different ones of 0 .. n-1, in the order drawn. */
  pick(n: number, count: number): number[]
}

export function randomDraws(random: Random): Draws {
  return {
    uniform: (low, high) => low + (high - low) * random.uniform(),
    integer: (low, high) => low + random.integer(high - low + 1),
    pick: (n, count) => {
      const all = Array.from({ length: n }, (_, i) => i)
      for (let i = 0; i < count; i++) {
        const j = i + random.integer(n - i)
        ;[all[i], all[j]] = [all[j]!, all[i]!]
      }
      return all.slice(0, count)
    },
  }
}

/** Numbers drawn before sfc32's first words have spread over its whole state (PractRand discards as many). */
const WARM_UP = 15

/** A generator of its own for every sample of every epoch, so that no order of work can change what it draws. */
export function generatorFor(seed: number, epoch: number, stream: number): Random {
  const random = new Random([seed | 0, epoch | 0, stream | 0, 1])
  for (let i = 0; i < WARM_UP; i++) random.uint32()
  return random
}
