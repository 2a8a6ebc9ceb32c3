// A run of pre-training in a folder.

import type { SkippedSample } from '@ps3js/data-pipeline'
import { renamedSource } from '@ps3js/ps3-encoder'
import { ConfigError } from '@ps3js/tensor'
import { shardEvaluationSamples, shardSamples } from '#platform'
import type { EvaluationSample } from '../evaluate/evaluate.ts'
import type { PretrainBatch } from '../pretrain/batch.ts'
import { checkPrecision, PretrainTask } from '../pretrain/task.ts'
import type { CaptionedPicture } from './collate.ts'
import { printTrainConfig, readTrainConfig, type TrainConfig } from './config.ts'
import { buildModel, type Initialization, initializeFrom, saveModel, type TrainableModel } from './model.ts'
import { type RunKind, type RunOptions, reading, resumeRun, startRun } from './run-in-folder.ts'
import type { SampleSource } from './samples.ts'
import type { RunPosition } from './train.ts'

/** The model, in the released layout. */
const WEIGHTS = 'model.safetensors'

export interface TrainingOptions extends RunOptions {
  /** In place of the configuration's shards. */
  samples?: (model: TrainableModel, config: TrainConfig) => SampleSource
  evaluationSamples?: (model: TrainableModel, config: TrainConfig) => () => AsyncIterable<EvaluationSample>
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
  return startRun(pretraining(options), config, directory, options)
}

/**
 * Takes up a run and trains to its end, exactly as if it had never stopped. `samples` of the caller's own are to be
 * the same as at the start. Throws as `startTraining`.
 */
export async function resumeTraining(directory: string, options: TrainingOptions = {}): Promise<RunPosition> {
  return resumeRun(pretraining(options), directory, options)
}

function pretraining(options: TrainingOptions): RunKind<TrainConfig, CaptionedPicture, PretrainBatch> {
  return {
    command: 'ps3 train',
    print: printTrainConfig,
    read: readTrainConfig,
    check: checkPrecision,
    async open(config, checkpoint) {
      // Checkpoints stand alone: what the model was first built from may be gone.
      const model = await buildModel(checkpoint === undefined ? config.model : { from: checkpoint }, options)
      const { encoder } = model
      try {
        if (checkpoint === undefined) await giveFirstValues(model, config, options)
        else await reading(checkpoint, WEIGHTS, (source) => encoder.loadStateDict(renamedSource(source)))
        const evaluationSamples =
          options.evaluationSamples?.(model, config) ?? configuredEvaluationSamples(model, config, options)
        return {
          task: new PretrainTask(model, config, evaluationSamples),
          samples: options.samples?.(model, config) ?? configuredSamples(model, config, options),
          save: (directory) => saveModel(model, directory),
          dispose: () => encoder.dispose(),
        }
      } catch (error) {
        encoder.dispose()
        throw error
      }
    },
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
