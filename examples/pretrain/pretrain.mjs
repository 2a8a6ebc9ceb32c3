// Pre-trains PS3 (arXiv:2503.19903): a toy that learns in ten minutes to look where a text says, or the paper's recipe.
// usage: node pretrain.mjs [CONFIG.yaml] [--out DIR] [--seed N] [--steps N] [--backend NAME] [--dry-run]
import { join, parse } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '@ps3js/tensor'
import { printTrainConfig, startTraining } from '@ps3js/trainer'
import { plan } from './plan.mjs'
import { readConfig } from './read-config.mjs'
import { toyEvaluationSamples, toySamples } from './toy-samples.mjs'

const TOY = fileURLToPath(new URL('configs/toy.yaml', import.meta.url))

/** Trains into a new folder. Without shards in the configuration, on shapes that are drawn as they are needed. */
export async function pretrain(config, directory, options = {}) {
  if (config.data) return startTraining(config, directory, options)
  const { seed, evaluation } = config
  const size = ({ encoder }) => encoder.config.vision.ps3_scales.at(-1)
  return startTraining(config, directory, {
    samples: (model) => toySamples({ seed, size: size(model), captions: 8 }),
    evaluationSamples: (model) =>
      toyEvaluationSamples({ seed, size: size(model), captions: 4, pictures: evaluation.samples / 4 }),
    ...options,
  })
}

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
  const [file = TOY] = positionals
  const given = ['seed', 'steps'].filter((name) => values[name] !== undefined)
  const config = await readConfig(file, Object.fromEntries(given.map((name) => [name, Number(values[name])])))
  if (values['dry-run']) return print(`${printTrainConfig(config)}\n${plan(config)}\n`)
  const directory = values.out ?? join('runs', parse(file).name)
  const { describe } = await useBackend(values.backend)
  print(`${directory}, on ${describe}\n`)
  await pretrain(config, directory, { onRecord: (record) => print(line(record)) })
}

const SHOWN = ['loss/', 'evaluation/selection', 'evaluation/retrieval/textToImage/R@1', 'speed/secondsLeft']

function line({ step, scalars }) {
  const shown = Object.entries(scalars).filter(([name]) => SHOWN.some((start) => name.startsWith(start)))
  return `step ${step}: ${shown.map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ')}\n`
}

const print = (text) => process.stdout.write(text)

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
