// Trains VILA-HD-Tiny: first its encoder, to find shapes and to tell small marks apart, then all of it, to answer.
// usage: node train.mjs [--out DIR] [--seed N] [--like low-only|blind] [--backend NAME]
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '@ps3js/tensor'
import { parseFineTuneConfig, startFineTuning } from '@ps3js/trainer'
import { teachPatches } from './patches.mjs'
import { evaluationQuestions, questionSource } from './questions.mjs'
import { RECIPE } from './stages.mjs'
import { teachWhere } from './where.mjs'

/** Most questions about one picture, one after the other: about seven dots and seven labels. */
const PER_PICTURE = 14
/** Pictures to evaluate on come from a seed of their own. */
const HELD_OUT = 1000

/**
 * Trains the encoder and the first layers of what connects it, into folders of their own, and gives what `parts` says of both.
 */
export async function trainEncoder({ from, patches, where }, directory, { seed = 0, ...options } = {}) {
  const [first, visionTower] = [join(directory, 'patches'), join(directory, 'where')]
  await teachPatches(from, first, { ...patches, seed, ...options })
  await teachWhere(first, visionTower, { ...where, seed, ...options })
  return { visionTower, projectorWeights: join(first, 'projector.safetensors') }
}

/**
 * Trains every stage into a folder of its own, and gives the last one's.
 * @param options `like`: 'low-only' trains equally long without looking closely, 'blind' without pictures either
 */
export async function trainStages({ parts, common, stages }, directory, { seed = 0, like, ...options } = {}) {
  const isBlind = like === 'blind'
  let folder
  for (const { name, asked, settings } of stages) {
    const model = folder ? { from: join(folder, 'latest') } : { parts }
    const looks = like ? withoutLooks : settings
    // A stage is measured in what it learns.
    const evaluation = { ...common.evaluation, mode: looks.selection.mode }
    const config = parseFineTuneConfig({ ...common, ...settings, ...looks, evaluation, seed, model }, name)
    folder = join(directory, name)
    const drawn = ({ model }) => {
      const size = model.vision_tower.config.vision.ps3_scales.at(-1)
      return { size, count: PER_PICTURE, ...asked, isBlind }
    }
    await startFineTuning(config, folder, {
      samples: (assistant) => questionSource({ ...drawn(assistant), seed }),
      evaluationSamples: (assistant) => {
        const pictures = Math.ceil(config.evaluation.samples / PER_PICTURE)
        return evaluationQuestions({ ...drawn(assistant), seed: HELD_OUT, pictures })
      },
      ...options,
    })
  }
  return folder
}

/** What replaces a stage's settings where nothing is looked at closely. */
const withoutLooks = { selection: { mode: 'none' }, loss: { answer: 1, selection: 0 } }

async function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'runs/vila-hd-tiny' },
      seed: { type: 'string', default: '0' },
      like: { type: 'string' },
      backend: { type: 'string', default: 'auto' },
    },
  })
  if (values.like && !['low-only', 'blind'].includes(values.like))
    throw new Error(`--like ${values.like}: give low-only or blind`)
  const { describe } = await useBackend(values.backend)
  const print = (text) => process.stdout.write(text)
  print(`${values.out}, on ${describe}\n`)
  const onRecord = ({ step, scalars }) => {
    const shown = Object.entries(scalars).filter(([name]) => /^loss|accuracy|recall|topDown/.test(name))
    print(`step ${step}: ${shown.map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ')}\n`)
  }
  const options = { seed: Number(values.seed), onRecord }
  const encoder = await trainEncoder(RECIPE.encoder, values.out, options)
  const recipe = { ...RECIPE, parts: { ...RECIPE.parts, ...encoder } }
  await trainStages(recipe, values.out, { ...options, like: values.like })
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
