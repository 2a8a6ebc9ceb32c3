// `ps3 bench vila-hd`: the command line of it.

import { cpus } from 'node:os'
import { type BackendChoice, useBackend } from '@ps3js/tensor'
import type { Command } from 'commander'
import { backendChoice } from '../backend-choice.ts'
import {
  BENCH_SIZES,
  benchConnector,
  benchFull,
  benchReuse,
  type ConnectorResult,
  type FullResult,
  type ReuseResult,
} from '../bench/vila-hd.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, formatCount, formatTable } from '../format.ts'
import { whole } from '../option-values.ts'

interface VilaHdFlags {
  backend: BackendChoice
  repeat: number
  full?: boolean
  tiny?: boolean
  json?: boolean
}

export function registerBenchVilaHd(bench: Command, context: CliContext): void {
  bench
    .command('vila-hd')
    .description('two passes with and without what the first has read, and the connector against whole maps')
    .option(
      '--backend <name>',
      'cpu, wasm, node, node-gpu or webgpu, or several in order',
      backendChoice,
      'auto',
    )
    .option('--repeat <n>', 'runs of each that count', whole('--repeat', 1), 9)
    .option('--tiny', 'small models: whether everything runs, not how fast')
    .option('--full', 'instead: one answer of a 0.5 B language model behind PS3-4K-SigLIP (5 GB of memory)')
    .option('--json', 'print one JSON object')
    .action(async (flags: VilaHdFlags) => {
      await useBackend(flags.backend)
      const machine = { cpu: cpus()[0]?.model, cores: cpus().length }
      if (flags.full) {
        const full = await benchFull(context)
        return print(flags, { ...full, ...machine }, fullTable(full))
      }
      const size = flags.tiny ? BENCH_SIZES.tiny : BENCH_SIZES.usual
      const reuse = await benchReuse(size, flags.repeat, context)
      const connector = await benchConnector(size, flags.repeat, context)
      print(flags, { reuse, connector, ...machine }, `${reuseTable(reuse)}\n${connectorTable(connector)}`)
    })

  function print({ json }: VilaHdFlags, result: object, text: string): void {
    context.progress.clear()
    context.stdout(json ? `${JSON.stringify(result)}\n` : text)
  }
}

const each = (times: readonly number[]) => times.map((time) => time.toFixed(3)).join(' ')

function reuseTable({ backend, lowResTokens, highResTokens, kept, anew, ratio, same }: ReuseResult): string {
  return formatTable([
    [`${lowResTokens} low-res tokens, ${highResTokens} high-res`, backend],
    ['first token, first pass kept, seconds', each(kept)],
    ['first token, all read anew, seconds', each(anew)],
    ['kept / anew, median of pairs', ratio.toFixed(3)],
    ['answers', same ? 'the same' : 'DIFFER'],
  ])
}

function connectorTable({
  patches,
  positions,
  tokens,
  blocks,
  maps,
  ratio,
  difference,
}: ConnectorResult): string {
  return formatTable([
    [`${formatCount(patches)} patches, ${tokens} tokens`, 'seconds'],
    ['complete blocks', each(blocks)],
    [`maps of ${formatCount(positions)} positions`, each(maps)],
    ['maps / blocks, medians', ratio.toFixed(1)],
    ['largest difference', difference.toExponential(1)],
  ])
}

function fullTable(full: FullResult): string {
  const seconds = (value: number) => `${value.toFixed(1)} s`
  const { text, lowRes, highRes } = full.tokens
  return formatTable([
    [`${formatCount(full.parameters / 1e6)} M parameters`, full.backend],
    ['build', seconds(full.build)],
    ['tokens: text, low-res, high-res', `${text}, ${lowRes}, ${highRes}`],
    ...Object.entries(full.stages).map(([stage, time]) => [`  ${stage}`, seconds(time)]),
    ['first token after', seconds(full.firstToken)],
    ['then, tokens per second', full.speed.toFixed(2)],
    ['memory expected for weights and context', formatBytes(full.expectedBytes)],
    ['peak memory', `${formatCount(full.peakMegabytes)} MB`],
  ])
}
