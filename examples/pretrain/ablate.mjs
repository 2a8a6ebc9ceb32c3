// What each part of PS3's pre-training brings (arXiv:2503.19903, ablations), with the toy: one part changed at a time.
// usage: node ablate.mjs [--out DIR] [--steps N] [--seeds N] [--backend NAME]; runs that DIR holds already are not repeated
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '@ps3js/tensor'
import { pretrain } from './pretrain.mjs'
import { readConfig } from './read-config.mjs'

const VARIANTS = {
  'the recipe': {},
  'no selection of the true region in training': { selection: { selectWithGroundTruth: false } },
  'features pooled from all patches': { selection: { poolGroundTruthTokensOnly: false } },
  'captions of one picture as negatives': { loss: { intraImageNegatives: true } },
  'no low-res keys and values': { selection: { attendToLowRes: false } },
}
const COLUMNS = {
  'top-down at 2 %': 'selection/topDown@2%',
  'top-down at 5 %': 'selection/topDown@5%',
  'bottom-up at 5 %': 'selection/bottomUp@5%',
  'R@1': 'retrieval/textToImage/R@1',
}

/** Trains every variant with every seed. Returns rows of measured values by column, one value for each seed. */
export async function ablate(directory, { config, seeds, onRun }) {
  await mkdir(directory, { recursive: true })
  const rows = Object.keys(VARIANTS).map((name) => ({ name, values: Object.keys(COLUMNS).map(() => []) }))
  for (const seed of seeds) {
    for (const { name, values } of rows) {
      const loss = { ...config.loss, ...VARIANTS[name].loss }
      const selection = { ...config.selection, ...VARIANTS[name].selection }
      const run = join(directory, `${name.replaceAll(/\W+/g, '-')}-${seed}`)
      const result = await resultOf(run, { ...config, seed, loss, selection })
      for (const [i, metric] of Object.values(COLUMNS).entries()) values[i].push(result[metric])
      onRun?.(name, seed, result)
    }
  }
  return rows
}

async function resultOf(run, config) {
  const file = `${run}.json`
  const known = await readFile(file, 'utf8').catch(() => null)
  if (known) return JSON.parse(known)
  const result = {}
  // What an interrupted run has left.
  await rm(run, { recursive: true, force: true })
  await pretrain(config, run, {
    onRecord({ scalars }) {
      for (const metric of Object.values(COLUMNS))
        result[metric] = scalars[`evaluation/${metric}`] ?? result[metric]
    },
  })
  await writeFile(file, JSON.stringify(result))
  return result
}

/** As a table of means and, behind them, how far seeds lie from them (standard deviation). */
export function asMarkdown(rows) {
  const cell = (values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance =
      values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1)
    const text = (value) => value.toFixed(2).replace(/^0/, '')
    return `${text(mean)} ± ${text(Math.sqrt(variance))}`
  }
  const line = (cells) => `| ${cells.join(' | ')} |\n`
  const head = line(['', ...Object.keys(COLUMNS)]) + line(['---', ...Object.keys(COLUMNS).map(() => '---')])
  return head + rows.map(({ name, values }) => line([name, ...values.map(cell)])).join('')
}

async function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'runs/ablations' },
      steps: { type: 'string' },
      seeds: { type: 'string', default: '3' },
      backend: { type: 'string', default: 'auto' },
    },
  })
  const steps = values.steps ? { steps: Number(values.steps) } : {}
  const config = await readConfig(fileURLToPath(new URL('configs/toy.yaml', import.meta.url)), steps)
  await useBackend(values.backend)
  const rows = await ablate(values.out, {
    config,
    seeds: Array.from({ length: Number(values.seeds) }, (_, seed) => seed),
    onRun: (name, seed, result) => process.stderr.write(`${name}, seed ${seed}: ${JSON.stringify(result)}\n`),
  })
  process.stdout.write(asMarkdown(rows))
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
