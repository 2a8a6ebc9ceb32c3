// What a run of train.mjs learned over its steps, as a picture: node curves.mjs DIR > curves.svg
import { join } from 'node:path'
import { drawCurves } from '../pretrain/curves.mjs'
import { RECIPE } from './stages.mjs'

const [directory = 'runs/vila-hd-tiny'] = process.argv.slice(2)
const folders = (names) => names.map((name) => join(directory, name))
const close = RECIPE.close.map(({ name }) => name)
const stages = RECIPE.stages.map(({ name }) => name)
const rights = (names) => names.map((name) => `accuracy/${name}`)
const panels = [
  {
    title: 'single patches, right',
    names: rights(['dot', 'digit', 'letter', 'on', 'place']),
    runs: folders(['patches']),
  },
  {
    title: 'close looks among 14 marks, right',
    names: rights(['dot/14', 'digit/14', 'letters/14']),
    runs: folders(close),
  },
  { title: 'whole pictures: loss', names: ['loss/answer', 'loss/selection'], runs: folders(stages) },
]
process.stdout.write(await drawCurves(panels.map((panel) => ({ ...panel, isOfOneScale: true }))))
