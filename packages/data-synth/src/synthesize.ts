// A whole dataset of synthetic pictures, written as paired WebDataset shards.
import type { ShardIndex } from '@ps3js/data-pipeline'
import type { SynthesizeOptions } from './options.ts'

/**
 * Draws and writes. Interrupted at any moment, also by a kill, it goes on behind the last complete shard when it is
 * started again, and the files are then the same, byte for byte, as if it had never stopped.
 * @throws InvalidArgumentError for options out of range, or a directory that was begun with others
 * @throws ResourceError when the disk is full or gone, or a thread ran out of memory
 */
export async function synthesize(options: SynthesizeOptions): Promise<ShardIndex> {
  const platform = await import('#platform')
  return platform.synthesize(options)
}
