// One epoch of a dataset in its seeded order: shards shuffled, then samples through a buffer. The order can be taken up
// after any sample: the buffer is restored from where its samples lie.

import { Random, ResourceError } from '@ps3js/tensor'
import type { ShardItem, ShardSource } from '../read/source.ts'
import { generatorFor } from '../sample/draws.ts'
import type { PipelineState } from '../types.ts'

/** Generators of an epoch; a sample's own is `FIRST_SAMPLE` plus its position. */
const SHARD_ORDER = 0
const BUFFER = 1
export const FIRST_SAMPLE = 2

/** The parts of the state that this file looks after. */
export type Place = Pick<PipelineState, 'shard' | 'offset' | 'generator' | 'buffer'>

export interface Shuffled {
  item: ShardItem
  /** Where the order goes on after this item. */
  next: Place
}

interface Slot {
  item: ShardItem
  shard: number
  offset: number
}

export interface EpochOptions {
  seed: number
  epoch: number
  /** Samples in the buffer; 0 keeps the order of shards and samples. */
  shuffle: number
  from?: Place | undefined
  signal?: AbortSignal | undefined
}

/** @throws ResourceError when the dataset is not the one that `from` was taken from */
export async function* shuffledEpoch(source: ShardSource, options: EpochOptions): AsyncGenerator<Shuffled> {
  const { seed, epoch, shuffle, from, signal } = options
  const order = source.names.map((_, i) => i)
  if (shuffle > 0) generatorFor(seed, epoch, SHARD_ORDER).shuffle(order)
  const random = from ? new Random(from.generator) : generatorFor(seed, epoch, BUFFER)
  const read = (shard: number) => source.read(order[shard]!, { ...(signal && { signal }) })
  const slots = from ? await restoreSlots(from.buffer, read) : []
  let [shard, offset] = from ? [from.shard, from.offset] : [0, 0]

  const take = (i: number, replacement: Slot | undefined): Shuffled => {
    const { item } = slots[i]!
    if (replacement) slots[i] = replacement
    else {
      slots[i] = slots[slots.length - 1]!
      slots.pop()
    }
    const buffer = slots.flatMap((slot) => [slot.shard, slot.offset])
    return { item, next: { shard, offset, generator: random.state, buffer } }
  }

  for (; shard < order.length; shard++, offset = 0) {
    let index = 0
    for await (const item of read(shard)) {
      if (index++ < offset) continue
      const slot = { item, shard, offset }
      offset++
      if (slots.length < Math.max(shuffle, 1) && shuffle > 0) slots.push(slot)
      else if (shuffle > 0) yield take(random.integer(slots.length), slot)
      else yield { item, next: { shard, offset, generator: random.state, buffer: [] } }
    }
    if (index < offset) throw changed(source.names[order[shard]!]!, offset, index)
  }
  while (slots.length > 0) yield take(random.integer(slots.length), undefined)
}

/** Reads the buffer's samples again, each shard once and only as far as needed. */
async function restoreSlots(
  buffer: readonly number[],
  read: (shard: number) => AsyncIterable<ShardItem>,
): Promise<Slot[]> {
  const slots: Slot[] = new Array(buffer.length / 2)
  const wanted = new Map<number, Map<number, number>>()
  for (let i = 0; i < slots.length; i++) {
    const [shard, offset] = [buffer[2 * i]!, buffer[2 * i + 1]!]
    if (!wanted.has(shard)) wanted.set(shard, new Map())
    wanted.get(shard)!.set(offset, i)
  }
  for (const [shard, slotOf] of wanted) {
    let offset = 0
    let missing = slotOf.size
    for await (const item of read(shard)) {
      const slot = slotOf.get(offset)
      if (slot !== undefined) {
        slots[slot] = { item, shard, offset }
        if (--missing === 0) break
      }
      offset++
    }
    if (missing > 0) throw changed(`shard ${shard} of this epoch`, Math.max(...slotOf.keys()) + 1, offset)
  }
  return slots
}

function changed(name: string, expected: number, found: number): ResourceError {
  return new ResourceError(
    `${name} had at least ${expected} samples when the state was saved and has ${found} now; resume with the same data`,
  )
}
