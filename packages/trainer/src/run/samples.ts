// Where a run's samples come from, and how they become batches: each batch knows the position from which the next one
// follows, so that a checkpoint written after it resumes at the very next sample.

import type { Tokenizer } from '@ps3js/ps3-encoder'
import { InvalidArgumentError } from '@ps3js/tensor'
import type { PretrainBatch } from '../pretrain/batch.ts'
import { type CaptionedPicture, collate } from './collate.ts'

/** A position in the data: whatever JSON the source understands. */
export type SourceState = unknown

/** A sample, and the position behind it. */
export interface PlacedSample {
  sample: CaptionedPicture
  state: SourceState
}

/** Samples without end, in an order that a seed decides. */
export interface SampleSource {
  /** The samples that follow a position; from the start for null. */
  open(state: SourceState, signal: AbortSignal): AsyncIterable<PlacedSample>
}

/** A batch, and the position behind its last sample. */
export interface PlacedBatch {
  batch: PretrainBatch
  state: SourceState
}

/** Batches of equal size. Throws InvalidArgumentError when the samples end. */
export async function* batchesOf(
  samples: AsyncIterable<PlacedSample>,
  size: number,
  tokenizer: Tokenizer,
): AsyncGenerator<PlacedBatch, never> {
  let taken: CaptionedPicture[] = []
  for await (const { sample, state } of samples) {
    taken.push(sample)
    if (taken.length < size) continue
    yield { batch: collate(taken, tokenizer), state }
    taken = []
  }
  throw new InvalidArgumentError(
    'the samples ended before the last step: a source repeats them; check that the shards hold any',
  )
}
