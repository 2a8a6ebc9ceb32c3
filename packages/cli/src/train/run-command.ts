// What the commands that train have in common: begin a run or take one up, and say what happens as it happens.

import { basename, extname, join } from 'node:path'
import { type BackendChoice, InvalidArgumentError, useBackend } from '@ps3js/tensor'
import type { RunOptions, RunPosition, RunRecord } from '@ps3js/trainer'
import type { Command } from 'commander'
import { backendChoice } from '../backend-choice.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, formatCount, formatDuration, formatShare } from '../format.ts'

/** A command that trains. */
interface RunCommand<Config> {
  name: string
  description: string
  /** Reads a configuration file. */
  read(path: string): Promise<Config>
  print(config: Config): string
  start(config: Config, directory: string, options: RunOptions): Promise<RunPosition>
  resume(directory: string, options: RunOptions): Promise<RunPosition>
}

interface RunFlags {
  resume?: string
  out?: string
  backend: BackendChoice
  printConfig?: boolean
}

export function registerRunCommand<Config>(
  program: Command,
  context: CliContext,
  command: RunCommand<Config>,
): void {
  program
    .command(command.name)
    .description(command.description)
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
    .action(async (file: string | undefined, flags: RunFlags) => {
      if ((file === undefined) === (flags.resume === undefined)) {
        throw new InvalidArgumentError(
          'give a configuration to begin a run, or --resume DIR to go on with one',
        )
      }
      if (file !== undefined && flags.printConfig) {
        context.stdout(command.print(await command.read(file)))
        return
      }
      await runAndTell(command, file, flags, context)
    })
}

async function runAndTell<Config>(
  command: RunCommand<Config>,
  file: string | undefined,
  { resume, out, backend }: RunFlags,
  context: CliContext,
): Promise<void> {
  const { describe } = await useBackend(backend)
  const directory = resume ?? out ?? join('runs', basename(file!, extname(file!)))
  context.stdout(`${directory}, on ${describe}\n`)
  const options = tellingOptions(context)
  try {
    const position =
      file === undefined
        ? await command.resume(directory, options)
        : await command.start(await command.read(file), directory, options)
    context.progress.clear()
    context.stdout(ending(position, directory))
  } catch (error) {
    context.progress.clear()
    if (context.signal.aborted)
      context.stdout(`stopped; go on with: ps3 ${command.name} --resume ${directory}\n`)
    throw error
  }
}

/** Prints what happens as it happens. */
function tellingOptions({ stdout, progress, signal }: CliContext): RunOptions {
  let speed = ''
  return {
    signal,
    onStep: ({ step, losses, lastStep }) =>
      progress.step(`step ${step} of ${lastStep}: loss ${losses.total.toFixed(4)}${speed}`, step / lastStep),
    onRecord(record) {
      progress.clear()
      speed = speedOf(record) || speed
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
  const [images, share, memory] = [of('imagesPerSecond'), of('shareOfMatmulPeak'), of('memoryBytes')]
  if (images === undefined) return ''
  return [
    '',
    `${short(images)} images/s`,
    `${formatCount(of('tokensPerSecond')!)} tokens/s`,
    ...(share === undefined ? [] : [`${formatShare(share)} of the matmul peak`]),
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
