// A run in a folder, of any kind: begun from a configuration, or taken up where its newest checkpoint left it.

import { checkpointSource } from '@ps3js/ps3-encoder'
import { openCheckpoint, type StateSource, writeSafetensors } from '@ps3js/tensor'
import { RunDirectory, RunLog } from '#platform'
import type { RunConfig } from './run-config.ts'
import type { SampleSource } from './samples.ts'
import type { TrainingTask } from './task.ts'
import { type RunPosition, type RunRecord, train } from './train.ts'
import { type StepReport, Trainer } from './trainer.ts'

/** The optimiser's state, beside the model's own files. */
const MOMENTS = 'optimizer.safetensors'

/** A kind of run: what its configuration is, and how its model comes from there or from a checkpoint. */
export interface RunKind<Config extends RunConfig, Sample, Batch> {
  /** The command that takes such a run up: `ps3 train`. */
  command: string
  print(config: Config): string
  read(text: string, where: string): Config
  /** What can be found wrong before there is a folder. */
  check?(config: Config): void
  /** @param checkpoint a folder that `save` filled; without it the run begins */
  open(config: Config, checkpoint: string | undefined): Promise<OpenRun<Sample, Batch>>
}

/** What trains, with its values. */
interface OpenRun<Sample, Batch> {
  task: TrainingTask<Sample, Batch>
  samples: SampleSource<Sample>
  /** Writes the model into a folder, from which it is taken up again and which stands alone. */
  save(directory: string): Promise<void>
  dispose(): void
}

export interface RunOptions {
  /** Aborting ends the run after the current step, with a checkpoint. */
  signal?: AbortSignal
  onStep?: (report: StepReport) => void
  onRecord?: (record: RunRecord) => void
  onCheckpoint?: (directory: string) => void
}

/** Begins a run in a new folder and trains to its end. A run that cannot begin leaves no folder. */
export async function startRun<Config extends RunConfig, Sample, Batch>(
  kind: RunKind<Config, Sample, Batch>,
  config: Config,
  directory: string,
  options: RunOptions,
): Promise<RunPosition> {
  kind.check?.(config)
  await using run = await RunDirectory.create(directory, kind.print(config), kind.command)
  return await trainIn(run, kind, config, undefined, options)
}

/** Takes up a run and trains to its end, exactly as if it had never stopped. */
export async function resumeRun<Config extends RunConfig, Sample, Batch>(
  kind: RunKind<Config, Sample, Batch>,
  directory: string,
  options: RunOptions,
): Promise<RunPosition> {
  const { text, file, ...opened } = await RunDirectory.open(directory)
  await using run = opened.run
  return await trainIn(run, kind, kind.read(text, file), await run.latest(), options)
}

async function trainIn<Config extends RunConfig, Sample, Batch>(
  run: RunDirectory,
  kind: RunKind<Config, Sample, Batch>,
  config: Config,
  position: RunPosition | undefined,
  options: RunOptions,
): Promise<RunPosition> {
  const place = position && run.checkpoint(position.step)
  const { task, samples, save, dispose } = await kind.open(config, place)
  let trainer: Trainer<Sample, Batch> | undefined
  try {
    trainer = new Trainer(task, config)
    if (place !== undefined) {
      await reading(place, MOMENTS, (source) => trainer!.restore(position!.step, source))
      await run.settle(position!, config.checkpoint.keep)
    }
    const log = await RunLog.open(run.path, position ?? { step: 0, evaluated: 0 })
    return await train({
      trainer,
      config,
      samples,
      position,
      signal: options.signal,
      onStep: options.onStep,
      sink: {
        async record(record) {
          await log.record(record)
          options.onRecord?.(record)
        },
        async checkpoint(reached) {
          await run.save(reached, config.checkpoint.keep, async (folder) => {
            await save(folder)
            await writeSafetensors(`${folder}/${MOMENTS}`, trainer!.momentTensors(), {
              metadata: { format: 'pt' },
            })
          })
          options.onCheckpoint?.(run.checkpoint(reached.step))
        },
      },
    })
  } finally {
    trainer?.dispose()
    dispose()
  }
}

/** Opens a file of weights for as long as `work` takes. */
export async function reading<T>(
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
