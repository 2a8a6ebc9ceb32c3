// Teaches a language model, and what connects it, to read close looks at marks and to tell which of them a question means.
import { ASKED_OF, pictureRandom } from '@ps3js/data-synth'
import { crossEntropy } from '@ps3js/language-model'
import { dispose, gatherRows, reshape, slice, Tape, tensorData } from '@ps3js/tensor'
import { labelsOf, openAssistant, packQuestions, spellerOf, spellQuestion } from '@ps3js/trainer'
import { saveVilaHd } from '@ps3js/vila-hd'
import {
  AMONG,
  areLargest,
  drawGroup,
  finestOf,
  KINDS,
  lookAtMarks,
  oneOf,
  placeMarks,
  sidesOf,
  teach,
} from './marks.mjs'

/** In every step: of fourteen marks each, or of seven labels alone. */
const GROUPS = { all: 6, labels: 9 }
/** Close looks where no mark is, at each of a group's seven shapes. */
const BESIDE = 1

/** As `askQuestions` asks. */
function askAbout({ kind, on, shape, writing }) {
  const asked = kind === 'dot' ? 'color' : writing === 'digit' ? 'number' : 'word'
  return ASKED_OF[asked](`the ${kind} on the ${on} ${shape}`)
}

/**
 * Trains a VILA-HD, in `model` as a fine-tuning's configuration names it, but for where it looks, and writes it to `directory`.
 * @param options `writing`: shares of what is on labels, as `drawCloseUps` calls it; `dotsEvery`: every so many steps dots are
 *   shown and asked for too, default all; `isPlain`: of the finest scale alone, and nothing beside marks; `among`: how many marks,
 *   default one to fourteen; `rates`: of each part to `learningRate`
 */
export async function teachReading(
  model,
  directory,
  {
    seed = 0,
    steps,
    learningRate = 2e-3,
    rates,
    writing,
    dotsEvery = 1,
    isPlain = false,
    among = AMONG,
    onRecord,
  },
) {
  const { assistant, tokenizer } = await openAssistant(model, { seed })
  const named = [...assistant.model.namedParameters()]
  const groups = Object.entries(rates).map(([prefix, rateFactor]) => ({
    parameters: new Map(named.filter(([path]) => path.startsWith(prefix))),
    ...{ weightDecay: 0.01, rateFactor },
  }))
  const write = (random) => oneOf(writing, random)
  const step = (i) => {
    const random = pictureRandom(2 * seed + 1, i)
    return readingStep(assistant, { random, turn: i, write, hasDots: i % dotsEvery === 0, isPlain, among })
  }
  await teach(groups, step, { steps, learningRate, onRecord })
  await saveVilaHd(assistant, directory, { tokenizer })
  assistant.dispose()
}

async function readingStep(assistant, { random, turn, write, hasDots, isPlain, among }) {
  const { model } = assistant
  const { vision_tower: encoder, mm_projector: connector, llm, featureLayer } = model
  const speller = spellerOf(assistant)
  const sides = isPlain ? finestOf(encoder.config) : sidesOf(encoder.config)
  const size = sides.at(-1) * encoder.config.trunk.patch_size
  const beside = isPlain ? 0 : BESIDE
  const kinds = hasDots ? KINDS : ['label']
  const drawn = Array.from({ length: hasDots ? GROUPS.all : GROUPS.labels }, () =>
    drawGroup(random, { size, write, kinds, beside }),
  )
  const placed = placeMarks(encoder, drawn, sides, random)
  const tape = new Tape()
  const asked = []
  let targets = []
  const [loss, logits] = tape.record(() => {
    const features = lookAtMarks(encoder, placed, featureLayer, random)
    drawn.forEach((looks, g) => {
      const { indices } = placed.selections[g]
      const own = reshape(slice(features, [g, 0, 0], [1, -1, -1]), features.shape.slice(1))
      const { tokens } = connector.highRes(own, { grids: placed.grids, indices }, null)
      const marks = looks.filter(({ kind }) => kind)
      const amounts = among.filter((many) => many <= marks.length)
      const many = amounts[(g + turn) % amounts.length]
      const beside = placed.rows[g].slice(marks.length)
      for (let from = 0; from < marks.length; from += many) {
        const ofMarks = placed.rows[g].slice(from, from + many)
        const rows = [
          ...ofMarks,
          ...random.shuffle([...beside]).slice(random.integer(beside.length + 1)),
        ].flat()
        const high = gatherRows(
          tokens,
          rows.sort((a, b) => a - b),
        )
        for (const mark of marks.slice(from, from + many)) {
          const sample = { question: askAbout(mark), answer: mark.answer }
          const kind = mark.kind === 'dot' ? 'dot' : mark.writing
          asked.push({ ids: spellQuestion(sample, speller), high, kind: `${kind}/${many}` })
        }
      }
    })
    const texts = asked.map(({ ids }) => ({ ids: [...ids.prompt, ...ids.answer], labels: labelsOf(ids) }))
    const shown = asked.map(({ high }) => ({ low: null, high }))
    const { rows, parts, ends } = packQuestions(model, texts, shown)
    const { last } = llm.forward(rows, parts)
    // A token is told by the row before it.
    targets = asked.flatMap(({ ids: { answer } }, text) =>
      answer.map((id, i) => ({ id, text, row: ends[text] - answer.length + i - 1 })),
    )
    const logits = llm.logits(
      gatherRows(
        last,
        targets.map(({ row }) => row),
      ),
    )
    return [
      crossEntropy(
        logits,
        targets.map(({ id }) => id),
      ),
      logits,
    ]
  })
  const right = areLargest(
    await tensorData(logits),
    targets.map(({ id }) => id),
  )
  const wrong = new Set(targets.flatMap(({ text }, i) => (right[i] ? [] : [text])))
  dispose([logits, placed.patches])
  return { tape, loss, answers: asked.map(({ kind }, i) => ({ kind, isRight: !wrong.has(i) })) }
}
