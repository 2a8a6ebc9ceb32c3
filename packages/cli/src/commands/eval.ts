// `ps3 eval DIR --data SHARDS`: what a checkpoint can do, as a table or JSON.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadPretrained, TextTokenizer } from '@ps3js/ps3-encoder'
import { type BackendChoice, fileError, useBackend } from '@ps3js/tensor'
import {
  type Evaluation,
  evaluate,
  percent,
  type RetrievalMetrics,
  readTrainConfig,
  shardEvaluationSamples,
} from '@ps3js/trainer'
import type { Command } from 'commander'
import { backendChoice } from '../backend-choice.ts'
import type { CliContext } from '../context.ts'
import { formatShare, formatTable } from '../format.ts'
import { share, whole } from '../option-values.ts'

interface EvalFlags {
  data: string
  captions?: string
  samples: number
  batch: number
  budgets: number[]
  classes?: string
  backend: BackendChoice
  json?: boolean
}

export function registerEval(program: Command, context: CliContext): void {
  program
    .command('eval')
    .description('measure retrieval, zero-shot classification and where a model looks')
    .argument('<dir>', "a checkpoint, or a run's folder (its latest one, under the run's settings)")
    .requiredOption(
      '--data <shards>',
      'a WebDataset, or the pictures of two parallel ones; braces are expanded',
    )
    .option('--captions <shards>', 'the captions of two parallel WebDatasets')
    .option('--samples <n>', 'captions taken from the start', whole('--samples', 1), 256)
    .option('--batch <n>', 'samples at a time', whole('--batch', 1), 8)
    .option(
      '--budgets <a,b,c>',
      'shares of the patches at which selection recall is measured',
      shares,
      [0.01, 0.02, 0.05, 0.1, 0.2],
    )
    .option('--classes <file>', 'class names, one a line, for zero-shot classification')
    .option(
      '--backend <name>',
      'cpu, wasm, node, node-gpu or webgpu, or several in order',
      backendChoice,
      'auto',
    )
    .option('--json', 'print one JSON object instead of a table')
    .action(async (directory: string, flags: EvalFlags) => {
      const evaluation = await evaluateDirectory(directory, flags, context)
      context.progress.clear()
      context.stdout(flags.json ? `${JSON.stringify(evaluation)}\n` : describe(evaluation))
    })
}

async function evaluateDirectory(
  directory: string,
  { data, captions, samples, batch, budgets, classes, backend }: EvalFlags,
  { progress, signal, stderr }: CliContext,
): Promise<Evaluation> {
  await useBackend(backend)
  const runConfig = join(directory, 'config.yaml')
  const isRun = existsSync(runConfig)
  const selection = isRun ? readTrainConfig(await readText(runConfig), runConfig).selection : {}
  const names = classes === undefined ? [] : (await readText(classes)).split('\n')
  const place = isRun ? join(directory, 'latest') : directory
  const { encoder, processor, files } = await loadPretrained(place, { signal })
  try {
    const tokenizer = await TextTokenizer.fromPretrained(files)
    const onSkip = ({ key, reason }: { key: string; reason: string }) =>
      stderr(`left out: ${key}: ${reason}\n`)
    const source = shardEvaluationSamples({
      shards: data,
      captions,
      processor,
      limit: samples,
      onSkip,
      signal,
    })
    return await evaluate({ encoder, tokenizer }, source, {
      ...selection,
      batch,
      budgets,
      classes: names.map((name) => name.trim()).filter(Boolean),
      signal,
      onProgress: (count) => progress.step(`${count} samples evaluated`, count / samples),
    })
  } finally {
    encoder.dispose()
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error) => {
    throw fileError(error, 'read', path)
  })
}

const shares = (text: string): number[] => text.split(',').map((part) => share('--budgets')(part.trim()))

function describe({ samples, retrieval, selection, zeroShot }: Evaluation): string {
  const parts = [
    `${samples} samples\n`,
    formatTable([
      ['retrieval', 'R@1', 'R@5', 'R@10', 'mean rank', 'median rank'],
      ['picture for a text', ...retrievalCells(retrieval.textToImage)],
      ['text for a picture', ...retrievalCells(retrieval.imageToText)],
    ]),
  ]
  if (selection) {
    const row = (name: string, values: readonly number[]) => [name, ...values.map(formatShare)]
    parts.push(
      formatTable([
        ['selection recall at', ...selection.budgets.map(percent)],
        row('asked for (top-down)', selection.topDown),
        row('unasked (bottom-up)', selection.bottomUp),
        row('random', selection.random),
      ]),
    )
  }
  if (zeroShot) {
    parts.push(
      formatTable([
        ['zero-shot', 'top 1', 'top 5', 'samples', 'classes'],
        [
          '',
          formatShare(zeroShot.top1),
          formatShare(zeroShot.top5),
          `${zeroShot.samples}`,
          `${zeroShot.classes}`,
        ],
      ]),
    )
  }
  return parts.join('\n')
}

const retrievalCells = (metrics: RetrievalMetrics): string[] => [
  formatShare(metrics.recallAt1),
  formatShare(metrics.recallAt5),
  formatShare(metrics.recallAt10),
  metrics.meanRank.toFixed(1),
  metrics.medianRank.toFixed(1),
]
