// A run of fine-tuning in a folder.

import type { SkippedSample } from '@ps3js/data-pipeline'
import { ConfigError } from '@ps3js/tensor'
import { type PictureAssistant, saveVilaHd } from '@ps3js/vila-hd'
import { shardEvaluationQuestions, shardQuestions } from '#platform'
import { type RunKind, type RunOptions, resumeRun, startRun } from '../run/run-in-folder.ts'
import type { SampleSource } from '../run/samples.ts'
import type { RunPosition } from '../run/train.ts'
import { type FineTuneConfig, printFineTuneConfig, readFineTuneConfig } from './config.ts'
import { restoreAdapters, saveWithAdapters } from './lora.ts'
import { openAssistant } from './model.ts'
import type { QuestionBatch, QuestionSample } from './rows.ts'
import { FineTuneTask } from './task.ts'

export interface FineTuningOptions extends RunOptions {
  /** In place of the configuration's shards. */
  samples?: (assistant: PictureAssistant, config: FineTuneConfig) => SampleSource<QuestionSample>
  evaluationSamples?: (
    assistant: PictureAssistant,
    config: FineTuneConfig,
  ) => () => AsyncIterable<QuestionSample>
  /** A picture of the configuration's shards that cannot be used. */
  onSkip?: (skipped: Omit<SkippedSample, 'shard'>) => void
}

/**
 * Begins a run in a new folder and trains to its end. Throws ConfigError, CheckpointError or ResourceError, each saying what
 * to do; rejects with the signal's reason when it was aborted, after a checkpoint.
 */
export async function startFineTuning(
  config: FineTuneConfig,
  directory: string,
  options: FineTuningOptions = {},
): Promise<RunPosition> {
  return startRun(fineTuning(options), config, directory, options)
}

/**
 * Takes up a run and trains to its end, exactly as if it had never stopped. `samples` of the caller's own are to be
 * the same as at the start. Throws as `startFineTuning`.
 */
export async function resumeFineTuning(
  directory: string,
  options: FineTuningOptions = {},
): Promise<RunPosition> {
  return resumeRun(fineTuning(options), directory, options)
}

function fineTuning(options: FineTuningOptions): RunKind<FineTuneConfig, QuestionSample, QuestionBatch> {
  const { signal, onSkip } = options
  return {
    command: 'ps3 finetune',
    print: printFineTuneConfig,
    read: readFineTuneConfig,
    async open(config, checkpoint) {
      const { data, evaluation, seed, lora, model } = config
      const place = checkpoint === undefined ? model : { from: checkpoint }
      const { assistant, tokenizer, adapters } = await openAssistant(place, config, { signal })
      const { processor } = assistant
      const dispose = () => {
        assistant.dispose()
        adapters?.dispose()
      }
      try {
        if (adapters && checkpoint !== undefined) await restoreAdapters(adapters, checkpoint)
        const { shards } = evaluation
        const configured =
          shards === undefined
            ? undefined
            : () =>
                shardEvaluationQuestions({
                  ...{ shards, processor, onSkip, signal },
                  kinds: data?.kinds,
                  limit: evaluation.samples,
                })
        const samples =
          options.samples?.(assistant, config) ??
          (data && shardQuestions({ ...data, processor, seed, onSkip }))
        if (!samples) throw new ConfigError('the configuration names no data: give data.shards')
        return {
          task: new FineTuneTask(
            assistant,
            config,
            options.evaluationSamples?.(assistant, config) ?? configured,
          ),
          samples,
          save(directory) {
            const save = () => saveVilaHd(assistant, directory, { tokenizer })
            const baseModel = model.parts?.languageModel
            return adapters ? saveWithAdapters(adapters, directory, { ...lora!, baseModel }, save) : save()
          },
          dispose,
        }
      } catch (error) {
        dispose()
        throw error
      }
    },
  }
}
