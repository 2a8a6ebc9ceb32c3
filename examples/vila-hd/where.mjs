// Teaches PS3-Tiny where the shapes are that questions name: its own pre-training (arXiv:2503.19903, section 3), on small
// pictures, from which it is told where to look in large ones too.
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drawMarks, pictureRandom } from '@ps3js/data-synth'
import { boxesToMap } from '@ps3js/patch-selector'
import { startTraining } from '@ps3js/trainer'
import { readConfig } from '../pretrain/read-config.mjs'
import { pictureSource } from '../pretrain/toy-samples.mjs'

/** Pictures are drawn at a fifth of their size, and seen at scales that these have. */
const SIZE = 756
const SCALES = [378, 756, 1134, 1512]
const SHAPES = 7

/** The shapes of one picture, each with its name and box. */
function namedShapes(seed, index, split) {
  const { image, objects } = drawMarks({ random: pictureRandom(seed, index), size: SIZE, split })
  const shapes = objects.filter(({ kind }) => kind !== 'dot' && kind !== 'label')
  return shapes.map(({ box, color, kind }) => {
    const { data, height, width } = boxesToMap([box], image, image)
    const region = { height, width, data: Float32Array.from(data) }
    return {
      ...{ image, caption: `${color} ${kind}`, boxes: [box], region },
      ...{ isGlobalText: false, key: String(index) },
    }
  })
}

async function* heldOutShapes() {
  for (let index = 0; index < 32; index++) yield* namedShapes(1001, index, 'heldout')
}

/**
 * Goes on from the PS3-Tiny in `from`, whose trunk stays as it is, and leaves the model in `directory`, in the scales that it had.
 * @param options `steps`, `seed`, and more of `startTraining`'s
 */
export async function teachWhere(from, directory, { steps, seed = 0, ...options }) {
  const file = fileURLToPath(new URL('../pretrain/configs/ps3-tiny.yaml', import.meta.url))
  const { model: whole, loss, ...config } = await readConfig(file)
  // The bias is a first value: `from` has learned its own.
  const { logitBias, ...model } = whole
  const vision_config = { ...model.config.vision_config, ps3_scales: SCALES }
  const settings = {
    ...{ ...config, steps, seed, batch: 4 * SHAPES, selection: { ...config.selection, budget: 96 } },
    schedule: { kind: 'constant', warmupSteps: Math.min(30, steps) },
    model: {
      ...{ ...model, initializeFrom: from, config: { ...model.config, vision_config } },
      preprocessor: { ...model.preprocessor, image_size: [SIZE, SIZE] },
    },
    loss: { ...loss, contrastive: 1 },
    freeze: ['vision_model.trunk.*'],
    evaluation: { ...config.evaluation, every: 50 },
  }
  const run = `${directory}-run`
  await rm(run, { recursive: true, force: true })
  await startTraining(settings, run, {
    ...{
      samples: () => pictureSource(SHAPES, (index) => namedShapes(2 * seed, index, 'train')),
      evaluationSamples: () => heldOutShapes,
    },
    ...options,
  })
  await cp(join(run, 'latest'), directory, { recursive: true, dereference: true })
  await rm(join(directory, 'optimizer.safetensors'), { force: true })
  for (const name of ['config.json', 'preprocessor_config.json']) await restore(from, directory, name)
  await rm(run, { recursive: true })
}

/** Puts the scales of 4K back in place of the small pictures'. */
async function restore(from, directory, name) {
  const read = async (folder) => JSON.parse(await readFile(join(folder, name), 'utf8'))
  const [before, after] = [await read(from), await read(directory)]
  const restored = after.vision_config
    ? { ...after, vision_config: { ...after.vision_config, ps3_scales: before.vision_config.ps3_scales } }
    : { ...after, image_size: before.image_size }
  await writeFile(join(directory, name), `${JSON.stringify(restored, null, 2)}\n`)
}
