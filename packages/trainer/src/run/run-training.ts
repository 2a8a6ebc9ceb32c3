// A run in a folder: begun from a configuration, or taken up where its newest checkpoint left it.

import type { SkippedSample } from '@ps3js/data-pipeline'
import { checkpointSource, renamedSource } from '@ps3js/ps3-encoder'
import { ConfigError, openCheckpoint, type StateSource, writeSafetensors } from '@ps3js/tensor'
import { RunDirectory, RunLog, shardEvaluationSamples, shardSamples } from '#platform'
import type { EvaluationSample } from '../evaluate/evaluate.ts'
import type { TrainConfig } from './config.ts'
import { buildModel, type Initialization, initializeFrom, saveModel, type TrainableModel } from './model.ts'
import type { SampleSource } from './samples.ts'
import { type RunPosition, type RunRecord, train } from './train.ts'
import { checkPrecision, type StepReport, Trainer } from './trainer.ts'

/** The model, in the released layout, and beside it what only training needs. */
const WEIGHTS = 'model.safetensors'
const MOMENTS = 'optimizer.safetensors'

export interface TrainingOptions {
  /** In place of the configuration's shards. */
  samples?: (model: TrainableModel, config: TrainConfig) => SampleSource
  evaluationSamples?: (model: TrainableModel, config: TrainConfig) => () => AsyncIterable<EvaluationSample>
  /** Aborting ends the run after the current step, with a checkpoint. */
  signal?: AbortSignal
  onStep?: (report: StepReport) => void
  onRecord?: (record: RunRecord) => void
  onCheckpoint?: (directory: string) => void
  /** A sample of the configuration's shards that cannot be used. */
  onSkip?: (skipped: Omit<SkippedSample, 'shard'>) => void
  /** What a checkpoint given by `model.initializeFrom` held. */
  onInitialized?: (initialization: Initialization) => void
}

/**
 * Begins a run in a new folder and trains to its end. Throws ConfigError, CheckpointError or ResourceError, each saying what
 * to do; rejects with the signal's reason when it was aborted, after a checkpoint.
 */
export async function startTraining(
  config: TrainConfig,
  directory: string,
  options: TrainingOptions = {},
): Promise<RunPosition> {
  // Before there is a folder: a run that cannot begin leaves none.
  checkPrecision(config)
  const run = await RunDirectory.create(directory, config)
  return trainIn(run, config, undefined, options)
}

/**
 * Takes up a run and trains to its end, exactly as if it had never stopped. `samples` of the caller's own are to be
 * the same as at the start. Throws as `startTraining`.
 */
export async function resumeTraining(directory: string, options: TrainingOptions = {}): Promise<RunPosition> {
  const { run, config } = await RunDirectory.open(directory)
  return trainIn(run, config, await run.latest(), options)
}

async function trainIn(
  run: RunDirectory,
  config: TrainConfig,
  position: RunPosition | undefined,
  options: TrainingOptions,
): Promise<RunPosition> {
  const place = position && run.checkpoint(position.step)
  // Checkpoints stand alone: what the model was first built from may be gone.
  const model = await buildModel(place === undefined ? config.model : { from: place }, options)
  let trainer: Trainer | undefined
  try {
    if (place === undefined) await giveFirstValues(model, config, options)
    else await reading(place, WEIGHTS, (source) => model.encoder.loadStateDict(renamedSource(source)))
    trainer = new Trainer(model, config)
    if (place !== undefined) {
      await reading(place, MOMENTS, (source) => trainer!.restore(position!.step, source))
      await run.settle(position!, config.checkpoint.keep)
    }
    return await trainOn(run, config, model, trainer, position, options)
  } finally {
    trainer?.dispose()
    model.encoder.dispose()
  }
}

async function giveFirstValues(
  { encoder }: TrainableModel,
  config: TrainConfig,
  { signal, onInitialized }: TrainingOptions,
): Promise<void> {
  const { initializeFrom: ref, logitBias } = config.model
  encoder.initialize(config.seed)
  if (ref !== undefined) {
    const found = await initializeFrom(encoder, ref, { signal })
    onInitialized?.(found)
  }
  // Last: what is asked for by name goes before what a checkpoint brings.
  if (logitBias !== undefined) encoder.logit_bias!.set(Float32Array.of(logitBias))
}

async function trainOn(
  run: RunDirectory,
  config: TrainConfig,
  model: TrainableModel,
  trainer: Trainer,
  position: RunPosition | undefined,
  options: TrainingOptions,
): Promise<RunPosition> {
  const log = await RunLog.open(run.path, position ?? { step: 0, evaluated: 0 })
  return train({
    trainer,
    config,
    samples: options.samples?.(model, config) ?? configuredSamples(model, config, options),
    evaluationSamples:
      options.evaluationSamples?.(model, config) ?? configuredEvaluationSamples(model, config, options),
    position,
    signal: options.signal,
    onStep: options.onStep,
    sink: {
      async record(record) {
        await log.record(record)
        options.onRecord?.(record)
      },
      async checkpoint(reached) {
        await run.save(reached, config.checkpoint.keep, async (directory) => {
          await saveModel(model, directory)
          await writeSafetensors(`${directory}/${MOMENTS}`, trainer.momentTensors(), {
            metadata: { format: 'pt' },
          })
        })
        options.onCheckpoint?.(run.checkpoint(reached.step))
      },
    },
  })
}

function configuredSamples(
  { processor }: TrainableModel,
  { data, seed }: TrainConfig,
  { onSkip }: TrainingOptions,
): SampleSource {
  if (data) return shardSamples({ ...data, processor, seed, onSkip })
  throw new ConfigError('the configuration names no data: give data.shards')
}

function configuredEvaluationSamples(
  { processor }: TrainableModel,
  { evaluation: { shards, captions, samples } }: TrainConfig,
  { signal, onSkip }: TrainingOptions,
): (() => AsyncIterable<EvaluationSample>) | undefined {
  if (shards === undefined) return undefined
  return () => shardEvaluationSamples({ shards, captions, processor, limit: samples, onSkip, signal })
}

async function reading<T>(
  directory: string,
  filename: string,
  work: (source: StateSource) => Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(directory, { filename })
  try {
    return await work(checkpointSource(checkpoint))
  } finally {
    await checkpoint.close()
  }
}
