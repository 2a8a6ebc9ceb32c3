// `ps3 data caption REGIONS`: captions from an OpenAI-compatible vision server.

import { readFile } from 'node:fs/promises'
import { type CaptionSummary, captionRegions } from '@ps3js/data-pipeline'
import { fileError, InvalidArgumentError } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatCount } from '../format.ts'
import { whole } from '../option-values.ts'

interface Flags {
  server: string
  model: string
  out: string
  keyVariable: string
  regionPrompt?: string
  globalPrompt?: string
  maxTokens?: number
  timeout?: number
  retries?: number
  concurrency?: number
  price?: [input: number, output: number]
  json?: boolean
}

export function registerCaption(data: Command, context: CliContext): void {
  data
    .command('caption')
    .description(
      'caption regions with any OpenAI-compatible vision server; what is answered is never asked again',
    )
    .argument('<regions>', 'file of regions, from `ps3 data propose`')
    .requiredOption('--server <url>', 'base address, such as http://localhost:8000/v1')
    .requiredOption('--model <name>', 'model that the server shall use')
    .option('--out <file>', 'file to write; answers are kept beside it', 'captions.jsonl')
    .option('--key-variable <name>', 'environment variable that holds the key', 'OPENAI_API_KEY')
    .option('--region-prompt <file>', 'template of the question about a region, with {{x1}} … {{place}}')
    .option('--global-prompt <file>', 'template of the question about a whole picture')
    .option('--max-tokens <n>', 'longest answer (default: 400)', whole('--max-tokens', 1))
    .option('--timeout <seconds>', 'longest wait for one answer (default: 120)', whole('--timeout', 1))
    .option('--retries <n>', 'tries after the first (default: 5)', whole('--retries'))
    .option('--concurrency <n>', 'questions at a time (default: 8)', whole('--concurrency', 1))
    .option('--price <in,out>', 'price of a million tokens in and out, to show the cost', price)
    .option('--json', 'print one JSON object')
    .action(async (regions: string, flags: Flags) => {
      const { signal, progress } = context
      const { out, model, retries, maxTokens, concurrency } = flags
      const result = await captionRegions({
        ...{ regions, out, concurrency, signal },
        server: {
          ...{ url: flags.server, model, retries, maxTokens },
          apiKey: process.env[flags.keyVariable],
          timeoutMs: flags.timeout === undefined ? undefined : flags.timeout * 1000,
        },
        prompts: {
          ...(flags.regionPrompt ? { region: await template(flags.regionPrompt) } : {}),
          ...(flags.globalPrompt ? { global: await template(flags.globalPrompt) } : {}),
        },
        onProgress: (done) =>
          progress.step(standing(done, flags.price), done.answered / Math.max(1, done.total)),
      })
      progress.clear()
      const cost = costOf(result, flags.price)
      context.stdout(
        flags.json
          ? `${JSON.stringify({ out, ...result, ...(cost === undefined ? {} : { cost }) })}\n`
          : `${out}: ${standing(result, flags.price)}\n${leftOut(result)}`,
      )
    })
}

function standing(summary: CaptionSummary, prices: Flags['price']): string {
  const { answered, total, promptTokens, completionTokens } = summary
  const cost = costOf(summary, prices)
  return [
    `${formatCount(answered)} of ${formatCount(total)} captions`,
    `${formatCount(promptTokens)} tokens in, ${formatCount(completionTokens)} out`,
    ...(cost === undefined ? [] : [`cost ${cost.toFixed(2)}`]),
  ].join(', ')
}

function leftOut({ failed, empty, badBoxes, lastFailure }: CaptionSummary): string {
  return [
    ...(failed > 0
      ? [`${formatCount(failed)} failed, the last one so: ${lastFailure}; run it again to ask again`]
      : []),
    ...(empty > 0 ? [`${formatCount(empty)} answers were of no use`] : []),
    ...(badBoxes > 0 ? [`${formatCount(badBoxes)} boxes were none, or outside of their picture`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('')
}

function costOf(
  { promptTokens, completionTokens }: CaptionSummary,
  prices: Flags['price'],
): number | undefined {
  return prices && (promptTokens * prices[0] + completionTokens * prices[1]) / 1e6
}

function price(text: string): [number, number] {
  const [input, output, ...rest] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (rest.length === 0 && input! >= 0 && output! >= 0) return [input!, output!]
  throw new InvalidArgumentError(`--price ${text}: give two numbers, such as 0.15,0.60`)
}

async function template(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw fileError(error, 'read', path)
  }
}
