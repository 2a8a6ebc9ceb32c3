// Pre-trains PS3 (arXiv:2503.19903): a toy that learns in ten minutes to look where a text says, or the paper's recipe.
// usage: node pretrain.mjs [CONFIG.yaml] [--out DIR] [--seed N] [--steps N] [--backend NAME] [--dry-run]
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '@ps3js/tensor'
import { parseTrainConfig, printTrainConfig, readTrainConfig, startTraining } from '@ps3js/trainer'
import { plan } from './plan.mjs'
import { toyEvaluationSamples, toySamples } from './toy-samples.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Reads a configuration; the tokenizer of this folder is found from anywhere. */
export async function readConfig(file = here('configs/toy.yaml'), overrides = {}) {
  const config = readTrainConfig(await readFile(file, 'utf8'), file)
  const model = config.data ? config.model : { ...config.model, tokenizer: here('tokenizer') }
  return parseTrainConfig({ ...config, model, ...overrides })
}

/** Trains into a new folder. Without shards in the configuration, on shapes that are drawn as they are needed. */
export async function pretrain(config, directory, options = {}) {
  if (config.data) return startTraining(config, directory, options)
  const { seed } = config
  return startTraining(config, directory, {
    samples: ({ encoder }) => toySamples({ seed, size: sizeOf(encoder), captions: 8 }),
    evaluationSamples: ({ encoder }) =>
      toyEvaluationSamples({
        seed,
        size: sizeOf(encoder),
        captions: 4,
        pictures: config.evaluation.samples / 4,
      }),
    ...options,
  })
}

const sizeOf = ({ config }) => config.vision.ps3_scales.at(-1)

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      seed: { type: 'string' },
      steps: { type: 'string' },
      backend: { type: 'string', default: 'auto' },
      'dry-run': { type: 'boolean', default: false },
    },
  })
  const [file = here('configs/toy.yaml')] = positionals
  const overrides = Object.fromEntries(
    ['seed', 'steps'].filter((name) => values[name]).map((name) => [name, Number(values[name])]),
  )
  const config = await readConfig(file, overrides)
  if (values['dry-run']) return print(`${printTrainConfig(config)}\n${await plan(config)}\n`)
  const directory = values.out ?? join('runs', basename(file, '.yaml'))
  const { describe } = await useBackend(values.backend)
  print(`${directory}, on ${describe}\n`)
  await pretrain(config, directory, {
    onRecord: ({ step, scalars }) => print(`step ${step}: ${describeScalars(scalars)}\n`),
  })
}

const SHOWN = ['loss/', 'evaluation/selection', 'evaluation/retrieval/textToImage/R@1', 'speed/secondsLeft']

const describeScalars = (scalars) =>
  Object.entries(scalars)
    .filter(([name]) => SHOWN.some((start) => name.startsWith(start)))
    .map(([name, value]) => `${name.replace('evaluation/', '')} ${value.toPrecision(3)}`)
    .join(', ')

const print = (text) => process.stdout.write(text)

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
