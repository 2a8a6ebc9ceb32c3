// index.json beside the shards: what belongs to a finished dataset, with sizes and checksums.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError, InvalidArgumentError, ResourceError } from '@ps3js/tensor'

export const INDEX_FILE = 'index.json'

/** `paired`: pictures and records in two tars of the same keys. `single`: both in one. */
export type ShardLayout = 'paired' | 'single'

export interface ShardFile {
  name: string
  bytes: number
  /** Of the file, in hexadecimal. */
  sha256: string
}

export interface ShardEntry {
  samples: number
  /** The tar of pictures and the one of records, or the one that holds both. */
  files: ShardFile[]
}

export interface ShardIndex {
  version: 1
  layout: ShardLayout
  samples: number
  /** What the samples were made from, as the writer was told. */
  origin: string
  shards: ShardEntry[]
}

/** File names of a shard, in the order of `ShardEntry.files`. */
export function shardNames(layout: ShardLayout, shard: number): string[] {
  const number = String(shard).padStart(6, '0')
  return (layout === 'paired' ? ['images', 'records'] : ['samples']).map((name) => `${name}-${number}.tar`)
}

/** The index of a finished dataset, or null where there is none. @throws ResourceError when it is damaged */
export async function readShardIndex(directory: string): Promise<ShardIndex | null> {
  const path = join(directory, INDEX_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw fileError(error, 'read', path)
  }
  try {
    const index = JSON.parse(text) as ShardIndex
    if (index.version !== 1) {
      throw new InvalidArgumentError(`its version is ${JSON.stringify(index.version)}, this reader knows 1`)
    }
    for (const { samples, files } of index.shards) {
      const isSound = files.every(
        (file) => /^[\w-]+\.tar$/.test(file.name) && /^[\da-f]{64}$/.test(file.sha256),
      )
      if (!Number.isSafeInteger(samples) || !isSound)
        throw new InvalidArgumentError('a shard is not described')
    }
    return index
  } catch (cause) {
    throw new ResourceError(`${path} is no index of shards: ${(cause as Error).message}`, { cause })
  }
}
