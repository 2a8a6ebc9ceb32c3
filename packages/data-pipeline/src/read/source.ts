// Datasets as lists of shards that can each be read from its start: one tar per shard, or a tar of pictures beside one
// of records. Pairs are checked by key, as NVlabs/PS3 does; a mismatch is never passed over.

import { InvalidArgumentError, PS3Error, ResourceError } from '@ps3js/tensor'
import type { RawSample } from '../types.ts'
import { type Group, type ReadOptions, readGroups } from './groups.ts'
import { displayName, expandBraces } from './locations.ts'
import { parseRecord } from './record.ts'

/** What lies at one place of a shard: a sample, or why there is none. */
export type ShardItem =
  | { key: string; shard: string; sample: RawSample; problem?: undefined }
  | { key: string; shard: string; sample?: undefined; problem: string }

/** A dataset that can be streamed. Anything that reads the same items every time will do. */
export interface ShardSource {
  /** What messages call each shard. */
  readonly names: readonly string[]
  /** The items of a shard from its start, always the same and in the same order. */
  read(shard: number, options?: { signal?: AbortSignal }): AsyncIterable<ShardItem>
}

type SourceOptions = Pick<ReadOptions, 'retryDelays'>

/**
 * A WebDataset whose shards hold both pictures and records: `key.jpg` (or another picture) beside `key.json`.
 *
 * @param shards paths, `file:` or `http(s):` addresses; braces such as `{000000..000012}` are expanded
 */
export function openShards(shards: string | readonly string[], options: SourceOptions = {}): ShardSource {
  const locations = locationsOf(shards)
  const names = locations.map(displayName)
  return {
    names,
    async *read(shard, { signal } = {}) {
      const location = locations[shard]!
      for await (const group of readGroups(location, { ...options, signal })) {
        yield itemOf(group.key, names[shard]!, group, group)
      }
    },
  }
}

/**
 * Two parallel WebDatasets with the same keys in the same order: one of pictures, one of records.
 *
 * @throws InvalidArgumentError when their numbers of shards differ; while reading, ResourceError where keys differ
 */
export function openPairedShards(
  { pictures, records }: { pictures: string | readonly string[]; records: string | readonly string[] },
  options: SourceOptions = {},
): ShardSource {
  const [left, right] = [locationsOf(pictures), locationsOf(records)]
  if (left.length !== right.length) {
    throw new InvalidArgumentError(
      `${left.length} shards of pictures and ${right.length} of records: they must pair up one by one`,
    )
  }
  const names = left.map(displayName)
  return {
    names,
    read: (shard, { signal } = {}) => {
      const read = { ...options, signal }
      const [first, second] = [readGroups(left[shard]!, read), readGroups(right[shard]!, read)]
      return paired(first, second, names[shard]!, displayName(right[shard]!))
    },
  }
}

function locationsOf(shards: string | readonly string[]): string[] {
  const locations = [shards].flat().flatMap(expandBraces)
  if (locations.length === 0) throw new InvalidArgumentError('no shards are named; give at least one')
  return locations
}

async function* paired(
  pictures: AsyncGenerator<Group>,
  records: AsyncGenerator<Group>,
  pictureShard: string,
  recordShard: string,
): AsyncGenerator<ShardItem> {
  try {
    for (let index = 0; ; index++) {
      // Both are awaited whatever happens: a failure of one must not leave the other's unheard.
      const settled = await Promise.allSettled([pictures.next(), records.next()])
      const failure = settled.find((one) => one.status === 'rejected')
      if (failure) throw failure.reason
      const [picture, record] = settled.map(
        (one) => (one as PromiseFulfilledResult<IteratorResult<Group>>).value,
      )
      if (picture!.done && record!.done) return
      const [left, right] = [picture!, record!].map((one) => (one.done ? null : (one.value as Group)))
      if (left && right && lastPart(left.key) === lastPart(right.key)) {
        yield itemOf(left.key, pictureShard, left, right)
        continue
      }
      const shown = (group: Group | null | undefined) => (group ? `key "${group.key}"` : 'nothing more')
      throw new ResourceError(
        `pictures and records do not pair up: sample ${index} of ${pictureShard} is ${shown(left)}, of ${recordShard} ${shown(right)}; ` +
          'both must hold the same keys in the same order: write the shards again',
      )
    }
  } finally {
    await Promise.allSettled([pictures.return(undefined), records.return(undefined)])
  }
}

const lastPart = (key: string): string => key.slice(key.lastIndexOf('/') + 1)

function itemOf(key: string, shard: string, left: Group, right: Group): ShardItem {
  const problem = left.problem ?? right.problem
  if (problem !== undefined) return { key, shard, problem }
  if (!left.picture) return { key, shard, problem: 'it has no picture' }
  if (!right.json) return { key, shard, problem: 'it has no record (.json)' }
  try {
    return { key, shard, sample: { key, picture: left.picture, record: parseRecord(right.json) } }
  } catch (error) {
    if (!(error instanceof PS3Error)) throw error
    return { key, shard, problem: error.message }
  }
}
