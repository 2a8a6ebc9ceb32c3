// Where a run's samples come from, and how they become batches: each batch knows the position from which the next one
// follows, so that a checkpoint written after it resumes at the very next sample.

import { InvalidArgumentError } from '@ps3js/tensor'
import type { CaptionedPicture } from './collate.ts'

/** A position in the data: whatever JSON the source understands. */
export type SourceState = unknown

/** A sample, and the position behind it. */
export interface PlacedSample<Sample = CaptionedPicture> {
  sample: Sample
  state: SourceState
}

/** Samples without end, in an order that a seed decides. */
export interface SampleSource<Sample = CaptionedPicture> {
  /** The samples that follow a position; from the start for null. */
  open(state: SourceState, signal: AbortSignal): AsyncIterable<PlacedSample<Sample>>
}

/** The samples of a batch, and the position behind the last. */
export interface PlacedSamples<Sample> {
  samples: Sample[]
  state: SourceState
}

/** Equally many samples at a time. Throws InvalidArgumentError when the samples end. */
export async function* batchesOf<Sample>(
  samples: AsyncIterable<PlacedSample<Sample>>,
  size: number,
): AsyncGenerator<PlacedSamples<Sample>, never> {
  let taken: Sample[] = []
  for await (const { sample, state } of samples) {
    taken.push(sample)
    if (taken.length < size) continue
    yield { samples: taken, state }
    taken = []
  }
  throw new InvalidArgumentError(
    'the samples ended before the last step: a source repeats them; check that the shards hold any',
  )
}
