// Trains PS3-Tiny, the model that the command ships with: colours, then things of a colour, then true 4K geometry.
// usage: node ps3-tiny.mjs POOL [--out DIR] [--backend NAME]; POOL keeps the pictures: 2 MB each, 43 MB at 4K
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '@ps3js/tensor'
import { startTraining } from '@ps3js/trainer'
import { readConfig } from './read-config.mjs'
import { picturePool, sceneEvaluationSamples, sceneSamples } from './scene-samples.mjs'
import { toyEvaluationSamples, toySamples } from './toy-samples.mjs'

/** Training and held-out pictures are drawn from seeds of their own. */
const SEEDS = { train: 1, heldout: 2 }

/** Sizes of the pictures, and the scales that they are seen at. */
const SMALL = { size: 756, longSide: 1890, scales: [378, 756, 1134, 1512], budget: 96 }
const LARGE = { size: 3780, longSide: 3780, scales: [378, 756, 1512, 3780], budget: 384 }
/** Drawn at half the size, in a third of the time, and kept at 756 px: where to look is told from views of at most that. */
const MANY = { scenes: 1600, documents: 400 }
const FEW = { scenes: 160, documents: 40 }

/**
 * One thing after the other: colours on plain shapes, which take a hundred steps; colours in scenes; things of a colour. Asked
 * for things at once, a model stays at what stands out anyway. What the patches of 4K look like comes last.
 */
const STAGES = {
  shapes: { ...SMALL, steps: 120, contrastive: 1, schedule: { kind: 'constant', warmupSteps: 30 } },
  colours: {
    ...SMALL,
    pictures: MANY,
    steps: 300,
    contrastive: 0.1,
    schedule: { kind: 'constant', warmupSteps: 30 },
  },
  things: {
    ...{ ...SMALL, pictures: MANY, steps: 600, contrastive: 0.3 },
    schedule: { kind: 'cooldown', warmupSteps: 30, cooldownSteps: 200 },
  },
  large: {
    ...{ ...LARGE, pictures: FEW, steps: 40, contrastive: 0.3, learningRate: 3e-4, ask: 'things' },
    schedule: { kind: 'cooldown', warmupSteps: 5, cooldownSteps: 20 },
  },
}
const HELDOUT = { scenes: 48, documents: 12 }

/** What a stage changes in the configuration. */
function stageConfig({ model, optimizer, selection, loss, ...config }, stage, initializeFrom) {
  const { steps, schedule, budget, contrastive, learningRate = optimizer.learningRate } = stage
  const vision_config = { ...model.config.vision_config, ps3_scales: stage.scales }
  const preprocessor = { ...model.preprocessor, image_size: [stage.size, stage.size] }
  // The bias is a first value: a later stage has learned its own.
  const { logitBias, ...later } = model
  const first = initializeFrom ? { ...later, initializeFrom } : model
  return {
    ...config,
    steps,
    schedule,
    model: { ...first, config: { ...model.config, vision_config }, preprocessor },
    optimizer: { ...optimizer, learningRate },
    selection: { ...selection, budget },
    loss: { ...loss, contrastive },
  }
}

/** What a stage learns from and is measured on. */
function samplesOf(name, stage, { folder, seed, onPicture }) {
  const { size, longSide, pictures, ask = name } = stage
  if (!pictures) {
    return {
      samples: () => toySamples({ seed, size, captions: 8 }),
      evaluationSamples: () => toyEvaluationSamples({ seed, size, captions: 4, pictures: 32 }),
    }
  }
  const poolOf = (split, counts, processor) => () =>
    picturePool({ folder, longSide, ...counts, split, seed: SEEDS[split], processor, onPicture })
  return {
    samples: ({ processor }) =>
      sceneSamples({ seed, captions: 8, ask, pool: poolOf('train', pictures, processor) }),
    evaluationSamples: ({ processor }) =>
      sceneEvaluationSamples({ captions: 4, ask, pool: poolOf('heldout', HELDOUT, processor), seed: 9 }),
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'runs/ps3-tiny' },
      backend: { type: 'string', default: 'auto' },
    },
  })
  const [folder = 'runs/ps3-tiny-pictures'] = positionals
  const { describe } = await useBackend(values.backend)
  print(`${values.out}, on ${describe}\n`)
  const config = await readConfig(fileURLToPath(new URL('configs/ps3-tiny.yaml', import.meta.url)))
  let initializeFrom
  const onPicture = (done, all) => print(`\rpictures: ${done} of ${all}${done === all ? '\n' : ''}`)
  for (const [name, stage] of Object.entries(STAGES)) {
    print(`${name}\n`)
    const run = join(values.out, name)
    await startTraining(stageConfig(config, stage, initializeFrom), run, {
      ...samplesOf(name, stage, { folder, seed: config.seed, onPicture }),
      onRecord: (record) => print(line(record)),
    })
    initializeFrom = join(run, 'best')
  }
}

function line({ step, scalars }) {
  const shown = Object.entries(scalars).filter(([name]) => /^loss|selection|textToImage.R@1$/.test(name))
  return `step ${step}: ${shown.map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ')}\n`
}

const print = (text) => process.stdout.write(text)

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
