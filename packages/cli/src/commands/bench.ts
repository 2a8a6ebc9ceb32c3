// `ps3 bench …`: how long, how much memory, and against whom.

import { cpus } from 'node:os'
import { type BackendChoice, InvalidArgumentError, useBackend } from '@ps3js/tensor'
import type { Command } from 'commander'
import { backendChoice } from '../backend-choice.ts'
import { type BenchPeerResult, type BenchRun, benchAgainstPeer } from '../bench/against-peer.ts'
import { registerBenchData } from '../bench/data.ts'
import { type BenchEncodeOptions, type BenchEncodeResult, benchEncode } from '../bench/encode.ts'
import { registerBenchLanguage } from '../bench/language.ts'
import { benchPreset, benchPresets, type PresetResult } from '../bench/presets.ts'
import { benchConstantCost, benchPrompts } from '../bench/properties.ts'
import { type PresetName, presetNames } from '../bench/random-preset.ts'
import {
  type BenchTrainOptions,
  type BenchTrainResult,
  benchTrain,
  trainPresetNames,
} from '../bench/train.ts'
import type { CliContext } from '../context.ts'
import { formatCount, formatTable } from '../format.ts'
import { oneOf, whole, wholeOrAll } from '../option-values.ts'
import { registerBenchVilaHd } from './bench-vila-hd.ts'

interface CommonFlags {
  backend: BackendChoice
  json?: boolean
}

type EncodeFlags = CommonFlags & BenchEncodeOptions & { peer?: string }
type TrainFlags = CommonFlags & BenchTrainOptions & { repeat: number; peer?: string }

const seconds = (value: number) => `${value.toFixed(2)} s`
const megabytes = (value: number) => `${formatCount(value)} MB`

export function registerBench(program: Command, context: CliContext): void {
  const bench = program.command('bench').description('measure time and memory on this machine')
  const print = (flags: CommonFlags, result: unknown, text: () => string) => {
    context.progress.clear()
    context.stdout(flags.json ? `${JSON.stringify(result)}\n` : text())
  }
  const common = (command: Command) =>
    command
      .option(
        '--backend <name>',
        'cpu, wasm, node, node-gpu or webgpu, or several in order',
        backendChoice,
        'auto',
      )
      .option('--json', 'print one JSON object')
  const modelled = (command: Command) =>
    common(command)
      .option(
        '--preset <name>',
        `random weights at full size: ${presetNames.join(', ')}`,
        oneOf('--preset', presetNames),
      )
      .option('--model <ref>', 'a checkpoint; without this and --preset, the built-in small model')
      .option('--image <file>', 'a picture, or WIDTHxHEIGHT for noise (default: the sample picture)')

  registerBenchLanguage(bench, context)
  registerBenchData(bench, context)
  registerBenchVilaHd(bench, context)

  modelled(bench.command('encode'))
    .description('encode one picture: stages, medians, peak memory, and the ratio to another implementation')
    .option('--tokens <n>', 'take this many patches', whole('--tokens'))
    .option('--looks <n>', 'looks, or all (default: one)', wholeOrAll('--looks'))
    .option('--repeat <n>', 'runs that count', whole('--repeat', 1), 3)
    .option('--warmup <n>', 'runs before them', whole('--warmup'), 1)
    .option(
      '--peer <command>',
      'run this shell command in turn; it may print {"total": seconds, "peak_rss_mb": …}',
    )
    .action(async (flags: EncodeFlags) => {
      if (flags.peer) {
        const ours = ['encode', ...passOn(flags), '--repeat', '1']
        const result = await benchAgainstPeer(flags.peer, ours, flags.repeat, context)
        return print(flags, result, () => peerTable('model call', result))
      }
      await useBackend(flags.backend)
      const result = await benchEncode(flags, context)
      print(flags, { ...result, cpu: cpus()[0]?.model, cores: cpus().length }, () => encodeTable(result))
    })

  common(bench.command('train'))
    .description('one optimiser step of a random model, and the ratio to another implementation')
    .option(
      '--preset <name>',
      `what to train: ${trainPresetNames.join(', ')}`,
      oneOf('--preset', trainPresetNames),
      'toy',
    )
    .option('--batch <n>', 'pictures per step (default: 4 of toy, 2 of wide2)', whole('--batch', 1))
    .option(
      '--precision <name>',
      'what linear layers multiply in: float32 or bf16',
      oneOf('--precision', ['float32', 'bf16']),
      'float32',
    )
    .option('--steps <n>', 'steps that count', whole('--steps', 1), 8)
    .option('--warmup <n>', 'steps before them', whole('--warmup'), 1)
    .option('--repeat <n>', 'turns with the peer', whole('--repeat', 1), 3)
    .option(
      '--peer <command>',
      'run this shell command in turn; it may print {"median_step_s": seconds, "peak_rss_mb": …}',
    )
    .action(async (flags: TrainFlags) => {
      const { backend, preset, batch, precision, steps, warmup, repeat, peer } = flags
      if (peer) {
        const ours = ['train', ...given({ backend, preset, batch, precision, steps, warmup })]
        const result = await benchAgainstPeer(peer, ours, repeat, context)
        return print(flags, result, () => peerTable('step', result))
      }
      await useBackend(backend)
      const result = await benchTrain(flags, context)
      print(flags, { ...result, cpu: cpus()[0]?.model, cores: cpus().length }, () => trainTable(result))
    })

  common(bench.command('presets'))
    .description('every preset at full size: build, one look, save, load, compare')
    .argument('[name...]', 'some of the presets')
    .option('--image <file>', 'the picture to look at')
    .option('--here', 'in this process instead of one process each')
    .action(async (names: string[], flags: CommonFlags & { image?: string; here?: boolean }) => {
      const wanted = names.length > 0 ? names.map(oneOf('preset', presetNames)) : presetNames
      const results: PresetResult[] = []
      if (flags.here) {
        await useBackend(flags.backend)
        for (const name of wanted) results.push(await benchPreset(name as PresetName, flags.image, context))
      } else {
        const passed = ['--backend', String(flags.backend), ...(flags.image ? ['--image', flags.image] : [])]
        results.push(...(await benchPresets(wanted, passed, context)))
      }
      print(flags, results, () => presetTable(results))
    })

  common(bench.command('constant'))
    .description('the same number of tokens from 4K and from 1.5K: does the cost stay?')
    .option('--repeat <n>', 'pairs that count', whole('--repeat', 1), 3)
    .action(async (flags: CommonFlags & { repeat: number }) => {
      await useBackend(flags.backend)
      const result = await benchConstantCost(flags.repeat, context)
      print(flags, result, () =>
        formatTable([
          ['', 'seconds, each run'],
          ['4K', result.at4k.map((s) => s.toFixed(2)).join(' ')],
          ['1.5K', result.at1500.map((s) => s.toFixed(2)).join(' ')],
          ['ratio of medians', result.ratio.toFixed(3)],
        ]),
      )
    })

  modelled(bench.command('prompts'))
    .description('several prompts on one picture: what each costs after the low-res pass')
    .option('--count <n>', 'prompts', whole('--count', 1), 3)
    .action(async (flags: EncodeFlags & { count: number }) => {
      await useBackend(flags.backend)
      const result = await benchPrompts(flags, context)
      print(flags, result, () =>
        formatTable([
          ['low-res pass', seconds(result.lowRes)],
          ...result.prompts.map((time, i) => [`prompt ${i + 1}`, seconds(time)]),
        ]),
      )
    })
}

/** The flags of `bench encode` that a child process needs to do the same work. */
function passOn({ backend, preset, model, image, tokens, looks, warmup }: EncodeFlags): string[] {
  if (preset && model) throw new InvalidArgumentError('give --preset or --model, not both')
  return given({ backend, preset, model, image, tokens, looks, warmup })
}

/** Flags that have a value, as arguments. */
const given = (flags: Record<string, unknown>): string[] =>
  Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]))

function trainTable({
  preset,
  batch,
  backend,
  parameters,
  median,
  runs,
  loss,
  peakMegabytes,
}: BenchTrainResult) {
  return formatTable([
    [`${preset}, ${batch} pictures`, backend],
    ['parameters', formatCount(parameters)],
    [`step, median of ${runs.length}`, `${median.total.toFixed(3)} s`],
    ['fastest, slowest', `${Math.min(...runs).toFixed(3)} s, ${Math.max(...runs).toFixed(3)} s`],
    ['loss in the end', loss.toFixed(4)],
    ['peak memory', megabytes(peakMegabytes)],
  ])
}

function encodeTable({
  model,
  backend,
  image,
  build,
  firstCall,
  median,
  runs,
  peakMegabytes,
}: BenchEncodeResult): string {
  return formatTable([
    [`${model} on ${image}`, backend],
    ['build', seconds(build)],
    ['first model call', seconds(firstCall)],
    ['preprocess', seconds(median.preprocess)],
    ...Object.entries(median.stages).map(([stage, time]) => [`  ${stage}`, seconds(time)]),
    [`model call, median of ${runs.length}`, seconds(median.total)],
    ['tokens', formatCount(runs[0]!.tokens)],
    ['peak memory', megabytes(peakMegabytes)],
  ])
}

function peerTable(what: string, { ours, peer, ratio }: BenchPeerResult<BenchRun>): string {
  return formatTable([
    ['', what, 'peak memory'],
    ...ours.flatMap((run, i) => [
      [`ours, run ${i + 1}`, seconds(run.median.total), megabytes(run.peakMegabytes)],
      [
        `peer, run ${i + 1} (${peer[i]!.source})`,
        seconds(peer[i]!.total),
        peer[i]!.peakMegabytes === null ? '-' : megabytes(peer[i]!.peakMegabytes),
      ],
    ]),
    ['ours / peer', ratio.total.toFixed(3), ratio.peak === null ? '-' : ratio.peak.toFixed(3)],
  ])
}

function presetTable(results: readonly PresetResult[]): string {
  return formatTable([
    ['preset', 'parameters', 'build', 'one look', 'save + load', 'peak encoding', 'peak in all'],
    ...results.map((r) => [
      r.preset,
      `${formatCount(r.parameters / 1e6)} M`,
      seconds(r.build),
      seconds(r.encode),
      seconds(r.saveAndLoad),
      megabytes(r.encodePeak),
      megabytes(r.peak),
    ]),
  ])
}
