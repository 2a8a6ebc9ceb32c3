// A dataset's samples in the order of its shards, without the ones that cannot be used.

import type { RawSample, SkippedSample } from '../types.ts'
import { SkipCount } from './skip-count.ts'
import type { ShardSource } from './source.ts'

export interface RawSampleOptions {
  /** At most this many samples may be unusable. Default 100. */
  maxSkipped?: number
  onSkip?: (skipped: SkippedSample) => void
  signal?: AbortSignal
}

/**
 * Every usable sample, in order, once.
 *
 * @throws ResourceError when a shard cannot be read, pairs mismatch, or more samples than allowed are unusable
 */
export async function* rawSamples(
  source: ShardSource,
  options: RawSampleOptions = {},
): AsyncGenerator<RawSample> {
  const { maxSkipped = 100, onSkip, signal } = options
  const skips = new SkipCount(maxSkipped, onSkip)
  for (let shard = 0; shard < source.names.length; shard++) {
    for await (const { sample, problem, ...where } of source.read(shard, { signal })) {
      if (sample) yield sample
      else skips.add({ ...where, reason: problem })
    }
  }
}
