// Trains PS3-Tiny, the model that the command ships with: true 4K geometry on synthetic scenes and documents.
// usage: node ps3-tiny.mjs POOL [--out DIR] [--steps N] [--scenes N] [--documents N]; POOL keeps the pictures, 43 MB each
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '@ps3js/tensor'
import { buildModel, startTraining } from '@ps3js/trainer'
import { readConfig } from './read-config.mjs'
import { picturePool, sceneEvaluationSamples, sceneSamples } from './scene-samples.mjs'

/** Training and held-out pictures are drawn from seeds of their own. */
const SEEDS = { train: 1, heldout: 2 }

/** @param pools numbers of `scenes` and `documents` to train on and to evaluate on */
export async function trainTiny(config, directory, { folder, train, heldout, ...options }) {
  const poolOf = (split, counts, processor) =>
    picturePool({ folder, ...counts, split, seed: SEEDS[split], processor, onPicture: options.onPicture })
  // The model exists before the pictures do: they are squashed to its square.
  const { encoder, processor } = await buildModel(config.model)
  encoder.dispose()
  const [pool, held] = [await poolOf('train', train, processor), await poolOf('heldout', heldout, processor)]
  const { seed } = config
  return startTraining(config, directory, {
    samples: () => sceneSamples({ seed, captions: 8, pool }),
    evaluationSamples: () => sceneEvaluationSamples({ captions: 4, pool: held, seed: 9 }),
    ...options,
  })
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'runs/ps3-tiny' },
      steps: { type: 'string' },
      scenes: { type: 'string', default: '160' },
      documents: { type: 'string', default: '40' },
      backend: { type: 'string', default: 'auto' },
    },
  })
  const [folder = 'runs/ps3-tiny-pictures'] = positionals
  const file = fileURLToPath(new URL('configs/ps3-tiny.yaml', import.meta.url))
  const config = await readConfig(file, values.steps ? { steps: Number(values.steps) } : {})
  const { describe } = await useBackend(values.backend)
  process.stdout.write(`${values.out}, on ${describe}\n`)
  await trainTiny(config, values.out, {
    folder,
    train: { scenes: Number(values.scenes), documents: Number(values.documents) },
    heldout: { scenes: 12, documents: 12 },
    onPicture: (done, all) => process.stdout.write(`\rpictures: ${done} of ${all}`),
    onRecord: ({ step, scalars }) => {
      const shown = Object.entries(scalars).filter(([name]) => /^loss|selection|textToImage.R@1$/.test(name))
      process.stdout.write(
        `step ${step}: ${shown.map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ')}\n`,
      )
    },
  })
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
