// What a trained VILA-HD answers about pictures that nobody trained on, by kind of question and the resolution it needs.
// usage: node evaluate.mjs MODEL [--pictures N] [--kinds mark,number,word] [--needs 3780] [--split train|heldout] [--seed N]
//   [--shares 0.01,0.05] [--blind] [--weights int8] [--backend NAME]
// Prints a table in Markdown, of all kinds of questions and needed resolutions unless some are named. Pictures and words of
// either split are new; of `train` the combinations of colour and shape were trained.
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { packedLayers } from '@ps3js/language-model'
import { useBackend } from '@ps3js/tensor'
import { evaluateAnswers } from '@ps3js/trainer'
import { loadVilaHd } from '@ps3js/vila-hd'
import { evaluationQuestions } from './questions.mjs'

/** Of the patches; 0: from the low-res tokens alone. */
const SHARES = [0, 0.01, 0.02, 0.05]
const PER_PICTURE = 16
/** Of the normal distribution, for 95 % on both sides together. */
const Z = 1.959964

/** Where a share of which `right` of `count` were seen lies with 95 % confidence: Wilson's score interval (1927). */
export function wilson(right, count) {
  const share = right / count
  const squared = Z ** 2 / count
  const half = Z * Math.sqrt((share * (1 - share) + squared / 4) / count)
  return [-half, half].map((side) => (share + squared / 2 + side) / (1 + squared))
}

/** Rows of a table: what was answered from, the recall of what is asked for, and accuracy by kind and resolution. */
export async function measure(
  assistant,
  { pictures, kinds, needs, seed, split, isBlind, shares = SHARES, ...options },
) {
  const { ps3_scales: scales } = assistant.model.vision_tower.config.vision
  const { patch_size: patch } = assistant.model.vision_tower.config.trunk
  const patches = scales.slice(1).reduce((sum, scale) => sum + (scale / patch) ** 2, 0)
  if (!shares.every((share) => share >= 0 && share <= 1))
    throw new RangeError(`shares of the patches are ${shares.join()}: each must be a number from 0 to 1`)
  const budgets = shares.filter((share) => share > 0)
  const rows = []
  for (const share of isBlind ? [0] : shares) {
    const asked = { seed, pictures, kinds, needs, split, count: PER_PICTURE, size: scales.at(-1), isBlind }
    const samples = evaluationQuestions(asked)
    const counts = {}
    const mode = share > 0 ? 'predicted' : 'none'
    const selection = { mode, budget: Math.round(share * patches), distractors: 0 }
    const settings = { selection, prompt: { gradient: false }, budgets, ...options }
    const found = await evaluateAnswers(assistant, counted(samples(), counts), settings)
    const recall = found.recall?.values[budgets.indexOf(share)]
    const name = share > 0 ? `${100 * share} % of the patches` : isBlind ? 'blind' : 'low resolution only'
    rows.push({ name, samples: found.samples, recall, accuracy: found.accuracy.byKind, counts })
  }
  return rows
}

/** Counts samples by kind as they pass. */
async function* counted(samples, counts) {
  for await (const sample of samples) {
    counts[sample.kind] = (counts[sample.kind] ?? 0) + 1
    yield sample
  }
}

/**
 * One line for each way, one column for each kind and resolution: the accuracy, its 95 % confidence interval, and how many
 * questions there were.
 */
export function asMarkdown(rows) {
  const kinds = [...new Set(rows.flatMap(({ accuracy }) => Object.keys(accuracy)))].sort()
  const short = (value) => (value === undefined ? '' : value.toFixed(2))
  const cell = (share, count) => {
    if (share === undefined) return ''
    return `${short(share)} (${wilson(share * count, count)
      .map(short)
      .join(' to ')}; ${count})`
  }
  const lines = rows.map(({ name, recall, accuracy, counts }) =>
    [name, short(recall), ...kinds.map((kind) => cell(accuracy[kind], counts[kind]))].join(' | '),
  )
  const head = ['answered from', 'recall', ...kinds.map((kind) => kind.replace('@', ' needing '))]
  return [head.join(' | '), head.map(() => '---').join(' | '), ...lines]
    .map((line) => `| ${line} |`)
    .join('\n')
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      pictures: { type: 'string', default: '20' },
      kinds: { type: 'string' },
      needs: { type: 'string' },
      split: { type: 'string', default: 'heldout' },
      seed: { type: 'string', default: '2000' },
      shares: { type: 'string' },
      blind: { type: 'boolean', default: false },
      weights: { type: 'string' },
      backend: { type: 'string', default: 'auto' },
    },
  })
  const [model = 'runs/vila-hd-tiny/sharpened'] = positionals
  await useBackend(values.backend)
  const { weights } = values
  const assistant = await loadVilaHd(model, weights ? { layers: packedLayers(weights) } : {})
  const { split, blind: isBlind } = values
  const numbers = (text) => text?.split(',').map(Number)
  const [kinds, needs, shares] = [values.kinds?.split(','), numbers(values.needs), numbers(values.shares)]
  const options = {
    split,
    isBlind,
    kinds,
    needs,
    shares,
    pictures: Number(values.pictures),
    seed: Number(values.seed),
  }
  process.stdout.write(`${asMarkdown(await measure(assistant, { ...options, maxTokens: 6 }))}\n`)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
