// Opens a dataset by what a user names: the writer's folder, shards of both kinds, or pictures and records apart.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ResourceError } from '@ps3js/tensor'
import { INDEX_FILE, readShardIndex, type ShardIndex } from '../write/shard-index.ts'
import { openPairedShards, openShards, type ShardSource } from './source.ts'

export interface Dataset {
  source: ShardSource
  /** What the writer noted, where `location` is a folder that it wrote. */
  index: ShardIndex | null
}

/**
 * @param location a folder with an index, or shards as `openShards` takes them
 * @param records shards of records, when `location` names shards of pictures alone
 * @throws ResourceError for a folder without an index
 */
export async function openDataset(location: string, records?: string): Promise<Dataset> {
  if (records !== undefined) {
    return { source: openPairedShards({ pictures: location, records }), index: null }
  }
  const found = await stat(location).catch(() => null)
  if (!found?.isDirectory()) return { source: openShards(location), index: null }
  const index = await readShardIndex(location)
  if (!index) {
    throw new ResourceError(
      `${location} holds no ${INDEX_FILE}: its dataset is unfinished, or name its shards, such as ${join(location, '{000000..000012}.tar')}`,
    )
  }
  const files = (which: number) => index.shards.map((shard) => join(location, shard.files[which]!.name))
  const source =
    index.layout === 'paired'
      ? openPairedShards({ pictures: files(0), records: files(1) })
      : openShards(files(0))
  return { source, index }
}
