// `ps3 train CONFIG` and `ps3 train --resume DIR`: pre-training, with everything that a run leaves behind in one folder.

import { basename, extname, join } from 'node:path'
import { type BackendChoice, InvalidArgumentError, useBackend } from '@ps3js/tensor'
import {
  printTrainConfig,
  type RunPosition,
  type RunRecord,
  resumeTraining,
  startTraining,
  type TrainingOptions,
} from '@ps3js/trainer'
import type { Command } from 'commander'
import { backendChoice } from '../backend-choice.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, formatCount, formatDuration, formatShare } from '../format.ts'
import { readConfigFile } from '../train/read-config.ts'

interface TrainFlags {
  resume?: string
  out?: string
  backend: BackendChoice
  printConfig?: boolean
}

export function registerTrain(program: Command, context: CliContext): void {
  program
    .command('train')
    .description('pre-train a model: begin a run, or take one up exactly where it stopped')
    .argument('[config]', 'a configuration in YAML or JSON')
    .option('--resume <dir>', "a run's folder: goes on from its newest checkpoint")
    .option('--out <dir>', 'the folder of a new run (default: runs/ and the name of the configuration)')
    .option('--print-config', 'print the configuration with its defaults, and do nothing')
    .option(
      '--backend <name>',
      'cpu, wasm, node, node-gpu or webgpu, or several in order',
      backendChoice,
      'auto',
    )
    .action(async (file: string | undefined, flags: TrainFlags) => {
      if ((file === undefined) === (flags.resume === undefined)) {
        throw new InvalidArgumentError(
          'give a configuration to begin a run, or --resume DIR to go on with one',
        )
      }
      if (file !== undefined && flags.printConfig) {
        context.stdout(printTrainConfig(await readConfigFile(file)))
        return
      }
      await trainAndTell(file, flags, context)
    })
}

async function trainAndTell(
  file: string | undefined,
  { resume, out, backend }: TrainFlags,
  context: CliContext,
): Promise<void> {
  const { describe } = await useBackend(backend)
  const directory = resume ?? out ?? join('runs', basename(file!, extname(file!)))
  context.stdout(`${directory}, on ${describe}\n`)
  const options = tellingOptions(context)
  try {
    const position =
      file === undefined
        ? await resumeTraining(directory, options)
        : await startTraining(await readConfigFile(file), directory, options)
    context.progress.clear()
    context.stdout(ending(position, directory))
  } catch (error) {
    context.progress.clear()
    if (context.signal.aborted) context.stdout(`stopped; go on with: ps3 train --resume ${directory}\n`)
    throw error
  }
}

/** Prints what happens as it happens. */
function tellingOptions({ stdout, progress, signal }: CliContext): TrainingOptions {
  let speed = ''
  return {
    signal,
    onInitialized: ({ loaded, fresh }) =>
      stdout(`${loaded.length} tensors from the checkpoint, ${fresh.length} begin at random\n`),
    onSkip: ({ key, reason }) => stdout(`left out: ${key}: ${reason}\n`),
    onStep: ({ step, losses, lastStep }) =>
      progress.step(`step ${step} of ${lastStep}: loss ${losses.total.toFixed(4)}${speed}`, step / lastStep),
    onRecord(record) {
      progress.clear()
      speed = speedOf(record)
      stdout(recordLine(record, speed))
    },
    onCheckpoint: (place) => progress.step(`wrote ${place}`),
  }
}

function recordLine({ step, scalars }: RunRecord, speed: string): string {
  const evaluation = Object.entries(scalars).filter(([name]) => name.startsWith('evaluation/'))
  if (evaluation.length > 0) {
    const lines = evaluation.map(([name, value]) => `  ${name.slice('evaluation/'.length)} ${short(value)}\n`)
    return `step ${step}, evaluated:\n${lines.join('')}`
  }
  const losses = Object.entries(scalars).filter(([name]) => name.startsWith('loss/'))
  const texts = losses.map(([name, value]) => `${name.slice('loss/'.length)} ${short(value)}`)
  return `step ${step}: ${texts.join(', ')}${speed}\n`
}

function speedOf({ scalars }: RunRecord): string {
  const of = (name: string) => scalars[`speed/${name}`]
  const images = of('imagesPerSecond')
  if (images === undefined) return ''
  const memory = of('memoryBytes')
  return [
    '',
    `${short(images)} images/s`,
    `${formatCount(of('tokensPerSecond')!)} tokens/s`,
    `${formatShare(of('shareOfMatmulPeak')!)} of the matmul peak`,
    ...(memory === undefined ? [] : [formatBytes(memory)]),
    `${formatDuration(of('secondsLeft')! * 1000)} left`,
  ].join(', ')
}

const short = (value: number) => String(Number(value.toPrecision(4)))

function ending({ step, best }: RunPosition, directory: string): string {
  const chosen = best
    ? `; the best, of step ${best.step} (${short(best.value)}), in ${join(directory, 'best')}`
    : ''
  return `${step} steps done; the model is in ${join(directory, 'latest')}${chosen}\n`
}
