// Workers that take turns in one process: to try what several would compute, and to test it.

import { addN, dispose, InvalidArgumentError, type Tensor } from '@ps3js/tensor'
import type { Collective } from './collective.ts'

/**
 * Runs `work` once per worker and gives the results by rank. When one throws, those that wait for it fail too, and the
 * first error is thrown when all have ended.
 */
export async function runWorkers<T>(
  size: number,
  work: (collective: Collective) => Promise<T>,
): Promise<T[]> {
  if (!(Number.isInteger(size) && size > 0)) {
    throw new InvalidArgumentError(`runWorkers: ${size} workers, expected an integer of at least 1`)
  }
  const meeting = new Meeting(size)
  const ends = await Promise.allSettled(
    Array.from({ length: size }, async (_, rank) => {
      try {
        const result = await work(endOf(meeting, rank, size))
        meeting.leave(new InvalidArgumentError(`worker ${rank} ended while others wait for it`))
        return result
      } catch (error) {
        meeting.leave(error)
        throw error
      }
    }),
  )
  if (meeting.failure) throw meeting.failure.error
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason
    return end.value
  })
}

function endOf(meeting: Meeting, rank: number, size: number): Collective {
  return {
    rank,
    size,
    allGather: (x) => meeting.exchange(rank, 'allGather', x, (all) => all.map((one) => one.clone())),
    allReduce: (x) => meeting.exchange(rank, 'allReduce', x, (all) => addN(all)),
    shift: (x) => meeting.exchange(rank, 'shift', x, (all) => all[(rank + size - 1) % size]!.clone()),
  }
}

interface Arrival {
  method: string
  x: Tensor
  /** Takes what everybody brought, by rank. */
  resolve: (all: Tensor[]) => void
  reject: (error: unknown) => void
}

/** Where workers wait until all have come. */
class Meeting {
  readonly #size: number
  #arrivals = new Map<number, Arrival>()
  #left: { error: unknown } | undefined
  /** The first error that ended the meeting. */
  failure: { error: unknown } | undefined

  constructor(size: number) {
    this.#size = size
  }

  exchange<T>(rank: number, method: string, x: Tensor, take: (all: Tensor[]) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#arrivals.has(rank)) {
        const message = `worker ${rank} calls ${method} before its last exchange is over: await it`
        this.leave(new InvalidArgumentError(message))
        reject(this.#left!.error)
        return
      }
      this.#arrivals.set(rank, {
        method,
        x: x.clone(),
        resolve: (all) => {
          try {
            resolve(take(all))
          } catch (error) {
            reject(error)
          }
        },
        reject,
      })
      if (this.#left) this.#fail(this.#left.error)
      else if (this.#arrivals.size === this.#size) this.#finish()
    })
  }

  /** A worker will not come again: whoever waits, or comes later, gets this error. */
  leave(error: unknown): void {
    this.#left ??= { error }
    if (this.#arrivals.size > 0) this.#fail(error)
  }

  #finish(): void {
    const arrivals = this.#arrivals
    const everybody = Array.from({ length: this.#size }, (_, rank) => arrivals.get(rank)!)
    const [first] = everybody
    const odd = everybody.findIndex(
      ({ method, x }) => method !== first!.method || x.shape.join() !== first!.x.shape.join(),
    )
    if (odd > 0) {
      const [a, b] = [first!, everybody[odd]!].map(({ method, x }) => `${method} of [${x.shape}]`)
      this.#fail(
        new InvalidArgumentError(
          `worker 0 calls ${a}, worker ${odd} ${b}: all exchange the same, in one order`,
        ),
      )
      return
    }
    this.#arrivals = new Map()
    const all = everybody.map(({ x }) => x)
    for (const { resolve } of everybody) resolve(all)
    dispose(all)
  }

  #fail(error: unknown): void {
    this.failure ??= { error }
    const waiting = [...this.#arrivals.values()]
    this.#arrivals = new Map()
    dispose(waiting.map(({ x }) => x))
    for (const { reject } of waiting) reject(error)
  }
}
