// Trains VILA-HD-Tiny: its encoder, to find shapes and to tell small marks apart; its language model, to read close looks at
// marks; then all of it, to look closely at pictures of 4K and to answer.
// What a run that was stopped has done stays; the same command goes on from there.
// usage: node train.mjs [--out DIR] [--seed N] [--like low-only|blind] [--after DIR] [--backend NAME]
import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '@ps3js/tensor'
import { parseFineTuneConfig, resumeFineTuning, startFineTuning } from '@ps3js/trainer'
import { teachReading } from './close.mjs'
import { teachPatches } from './patches.mjs'
import { evaluationQuestions, questionSource } from './questions.mjs'
import { sharpenAttention } from './sharpen.mjs'
import { RECIPE } from './stages.mjs'
import { teachWhere } from './where.mjs'

/** Most questions about one picture, one after the other: about seven dots and seven labels. */
const PER_PICTURE = 14
/** Pictures to evaluate on come from a seed of their own. */
const HELD_OUT = 1000

/** Has `teach` fill a folder, with a log as runs have them, unless that was done before. */
async function once(folder, teach, { onRecord, ...options }) {
  if (existsSync(folder)) return
  const part = `${folder}.part`
  await rm(part, { recursive: true, force: true })
  const log = []
  const keep = (record) => {
    log.push(`${JSON.stringify({ step: record.step, ...record.scalars })}\n`)
    onRecord?.(record)
  }
  await teach(part, { ...options, onRecord: keep })
  // What is no training has no steps.
  if (log.length > 0) await writeFile(join(part, 'log.jsonl'), log.join(''))
  await rename(part, folder)
}

/** Trains the encoder, then the language model on close looks, into folders of their own, and gives the last one's. */
export async function trainCloseUp({ encoder, parts, close }, directory, options = {}) {
  const [patches, visionTower] = [join(directory, 'patches'), join(directory, 'where')]
  await once(patches, (...to) => teachPatches(encoder.from, ...to), { ...encoder.patches, ...options })
  await once(visionTower, (...to) => teachWhere(patches, ...to), { ...encoder.where, ...options })
  const projectorWeights = join(patches, 'projector.safetensors')
  let model = { parts: { ...parts, visionTower, projectorWeights } }
  for (const { name, ...settings } of close) {
    const config = parseFineTuneConfig({ steps: 1, model }, name)
    const folder = join(directory, name)
    await once(folder, (...to) => teachReading(config.model, ...to), { ...settings, ...options })
    model = { from: folder }
  }
  return model.from
}

/**
 * Trains every stage into a folder of its own, from the model in `from`, and gives the last one's.
 * @param options `like`: 'low-only' trains equally long without looking closely, 'blind' without pictures either
 */
export async function trainStages({ common, stages }, from, directory, { seed = 0, like, ...options } = {}) {
  const isBlind = like === 'blind'
  let model = from
  for (const { name, asked, settings } of stages) {
    const looks = like ? withoutLooks : settings
    // A stage is measured in what it learns.
    const evaluation = { ...common.evaluation, mode: looks.selection.mode }
    const config = parseFineTuneConfig(
      { ...common, ...settings, ...looks, evaluation, seed, model: { from: model } },
      name,
    )
    const folder = join(directory, name)
    const drawn = ({ model }) => {
      const size = model.vision_tower.config.vision.ps3_scales.at(-1)
      return { size, count: PER_PICTURE, ...asked, isBlind }
    }
    const how = {
      samples: (assistant) => questionSource({ ...drawn(assistant), seed }),
      evaluationSamples: (assistant) => {
        const pictures = Math.ceil(config.evaluation.samples / PER_PICTURE)
        return evaluationQuestions({ ...drawn(assistant), seed: HELD_OUT, pictures })
      },
      ...options,
    }
    if (existsSync(folder)) await resumeFineTuning(folder, how)
    else await startFineTuning(config, folder, how)
    model = join(folder, 'latest')
  }
  return model
}

/** What replaces a stage's settings where nothing is looked at closely. */
const withoutLooks = { selection: { mode: 'none' }, loss: { answer: 1, selection: 0 } }

async function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'runs/vila-hd-tiny' },
      seed: { type: 'string', default: '0' },
      like: { type: 'string' },
      after: { type: 'string' },
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
  const closeUp = join(values.after ?? values.out, RECIPE.close.at(-1).name)
  if (!values.after) await trainCloseUp(RECIPE, values.out, options)
  const last = await trainStages(RECIPE, closeUp, values.out, { ...options, like: values.like })
  // What does not look closely never reads more than it learned from.
  if (values.like) return
  const sharpen = (...to) => sharpenAttention(last, ...to)
  await once(join(values.out, 'sharpened'), sharpen, RECIPE.sharpened)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
