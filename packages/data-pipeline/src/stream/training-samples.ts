// Training samples of a dataset, epoch after epoch: one seed, one order, however many workers; resumable anywhere.

import { availableParallelism } from 'node:os'
import { ConfigError, ImageError, InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import { type CropDecoder, DecodePool } from '../decode/decode-pool.ts'
import { SkipCount } from '../read/skip-count.ts'
import type { ShardItem, ShardSource } from '../read/source.ts'
import { generatorFor, randomDraws } from '../sample/draws.ts'
import { makeSamples, type SampleOptions } from '../sample/make-sample.ts'
import type { PipelineState, SkippedSample, TrainingSample } from '../types.ts'
import { mapInOrder } from './map-in-order.ts'
import { FIRST_SAMPLE, type Place, type Shuffled, shuffledEpoch } from './shuffle.ts'

export interface TrainingSamplesOptions extends SampleOptions {
  seed: number
  /** Passes over the data; Infinity goes on for as long as it is asked. Default 1. */
  epochs?: number
  /** Encoded samples that are held to shuffle among, besides shuffling shards; 0 keeps their order. Default 256. */
  shuffle?: number
  /**
   * Threads that decode, crop and resize; twice as many pictures may be in work or wait. At most one per shard. sharp
   * decodes on libuv's pool: beyond 4, set UV_THREADPOOL_SIZE as well. Default: what the machine can run at once.
   */
  workers?: number
  /** Samples that may be unusable in an epoch. Default 100. */
  maxSkipped?: number
  onSkip?: (skipped: SkippedSample) => void
  /** Goes on after the sample at which this state was taken. */
  resume?: PipelineState
  signal?: AbortSignal
}

/** A stream that knows where it is. Iterate it once. */
export interface TrainingStream extends AsyncIterable<TrainingSample> {
  /** JSON with which a new stream goes on after the last sample that this one gave. */
  state(): PipelineState
}

/**
 * Streams training samples. Every choice is drawn from the seed, the epoch and the sample's place in the order, so
 * neither workers nor interruptions change a sample.
 *
 * @throws InvalidArgumentError when there are fewer shards than workers; ConfigError when `resume` belongs to other
 *   settings; while streaming, ResourceError when a shard cannot be read, pairs mismatch, or too much was skipped
 */
export function trainingSamples(source: ShardSource, options: TrainingSamplesOptions): TrainingStream {
  const shards = source.names.length
  const { seed, shuffle = 256, workers = Math.min(shards, availableParallelism()) } = options
  const { epochs = 1, resume } = options
  checkOptions({ ...options, shuffle, workers, epochs }, shards)
  let state: PipelineState = resume ?? startOfEpoch(seed, 0, shuffle, shards)
  checkResume(state, { seed, shuffle, shards })
  let isStarted = false
  return {
    state: () => state,
    async *[Symbol.asyncIterator]() {
      if (isStarted) throw new InvalidArgumentError('this stream was iterated already; make another one')
      isStarted = true
      const pool = new DecodePool(workers)
      try {
        for (let epoch = state.epoch; epoch < epochs; epoch++) {
          if (state.epoch < epoch) state = startOfEpoch(seed, epoch, shuffle, shards)
          const settings = { ...options, shuffle, workers, decode: pool.decode }
          for await (const made of samplesOfEpoch(source, state, settings)) {
            state = made.state
            yield made.sample
          }
        }
      } finally {
        await pool.close()
      }
    },
  }
}

interface Numbered extends Shuffled {
  position: number
}

type Made = { item: ShardItem; position: number; next: Place } & (
  | { samples: TrainingSample[] }
  | { problem: string }
)

async function* samplesOfEpoch(
  source: ShardSource,
  start: PipelineState,
  options: TrainingSamplesOptions & { shuffle: number; workers: number; decode: CropDecoder },
): AsyncGenerator<{ sample: TrainingSample; state: PipelineState }> {
  const { seed, shuffle, workers, maxSkipped = 100, onSkip, signal, decode } = options
  const { epoch } = start
  const isFresh = start.position === 0
  const from = isFresh ? undefined : start
  const order = (stop: AbortSignal) =>
    numbered(shuffledEpoch(source, { seed, epoch, shuffle, from, signal: stop }), start.position)
  const skips = new SkipCount(maxSkipped, onSkip, start.skipped)
  const make = async ({ item, position, next }: Numbered): Promise<Made> => {
    if (!item.sample) return { item, position, next, problem: item.problem }
    try {
      const draws = randomDraws(generatorFor(seed, epoch, FIRST_SAMPLE + position))
      return { item, position, next, samples: await makeSamples(item.sample, options, draws, decode) }
    } catch (error) {
      if (!(error instanceof ImageError || error instanceof InvalidArgumentError)) throw error
      return { item, position, next, problem: error.message }
    }
  }
  let isEmpty = isFresh
  let { given = 0, ...before }: PipelineState = start
  const queue = { ahead: 2 * workers, signal }
  for await (const made of mapInOrder(order, make, queue)) {
    const { item, position, next } = made
    if ('problem' in made) skips.add({ key: item.key, shard: item.shard, reason: made.problem })
    const after = { ...before, ...next, position: position + 1, skipped: skips.count }
    const samples = 'problem' in made ? [] : made.samples
    for (; given < samples.length; given++) {
      isEmpty = false
      const isLast = given + 1 === samples.length
      yield { sample: samples[given]!, state: isLast ? after : { ...before, given: given + 1 } }
    }
    before = after
    given = 0
  }
  if (isEmpty)
    throw new ResourceError(`no usable sample in ${source.names.length} shards: ${skips.count} skipped`)
}

async function* numbered(order: AsyncIterable<Shuffled>, first: number): AsyncGenerator<Numbered> {
  let position = first
  for await (const one of order) yield { ...one, position: position++ }
}

function startOfEpoch(seed: number, epoch: number, shuffle: number, shards: number): PipelineState {
  const place = { shard: 0, offset: 0, generator: [0, 0, 0, 0] as const, buffer: [] }
  return { version: 1, seed, shuffle, shards, epoch, position: 0, skipped: 0, ...place }
}

function checkOptions(options: TrainingSamplesOptions & { workers: number }, shards: number): void {
  const { size, shuffle, workers, epochs, seed, maxSkipped = 100 } = options
  const { boxesPerSample = 1, captionsPerPicture = 1 } = options
  const whole = (name: string, value: unknown, least: number) => {
    if (Number.isSafeInteger(value) && (value as number) >= least) return
    throw new InvalidArgumentError(`${name} must be a whole number of at least ${least}, not ${value}`)
  }
  whole('size', size, 1)
  whole('seed', seed, 0)
  whole('shuffle', shuffle, 0)
  whole('workers', workers, 1)
  whole('boxesPerSample', boxesPerSample, 1)
  whole('captionsPerPicture', captionsPerPicture, 1)
  whole('maxSkipped', maxSkipped, 0)
  if (epochs !== Number.POSITIVE_INFINITY) whole('epochs', epochs, 1)
  const { globalCaptionProb = 0.25 } = options
  if (globalCaptionProb !== null && !(globalCaptionProb >= 0 && globalCaptionProb <= 1)) {
    throw new InvalidArgumentError(`globalCaptionProb must lie between 0 and 1, not at ${globalCaptionProb}`)
  }
  if (shards < workers) {
    throw new InvalidArgumentError(
      `${shards} shards cannot feed ${workers} workers: use at most ${shards}, or write more and smaller shards`,
    )
  }
}

/** The same seed, buffer and shards, or another order would be taken up in its middle. */
function checkResume(state: PipelineState, now: Pick<PipelineState, 'seed' | 'shuffle' | 'shards'>): void {
  if (state.version !== 1) {
    throw new ConfigError(`the data position to resume from has version ${state.version}, not 1`)
  }
  for (const name of ['seed', 'shuffle', 'shards'] as const) {
    if (state[name] === now[name]) continue
    throw new ConfigError(
      `the data position to resume from was taken with ${name} ${state[name]}, now it is ${now[name]}; use the same`,
    )
  }
}
