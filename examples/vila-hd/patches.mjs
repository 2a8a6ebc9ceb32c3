// Teaches an encoder's patches to tell what they hold: colours of dots, digits and letters, their place on a label, and what
// all of it lies on. A language model learns to read from such patches in minutes; from pictures alone it takes hours.
import { join } from 'node:path'
import { SHAPE_COLORS as COLORS, pictureRandom } from '@ps3js/data-synth'
import { crossEntropy } from '@ps3js/language-model'
import { loadPretrained, savePretrained } from '@ps3js/ps3-encoder'
import {
  addN,
  dispose,
  div,
  gatherRows,
  Linear,
  l2Normalize,
  Mlp,
  Module,
  mul,
  reshape,
  Tape,
  tensorData,
  writeSafetensors,
} from '@ps3js/tensor'
import {
  areLargest,
  drawGroup,
  finestOf,
  KINDS,
  lookAtMarks,
  lookAtPatches,
  oneOf,
  placeMarks,
  teach,
} from './marks.mjs'

const WIDTH = 128
/** Size of a tower's features, which GELU would pass on little of as they are. */
const FEATURES = 13
const NOTHING = 'nothing'
const HOLDS = [NOTHING, ...COLORS, ...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ']
/** Characters on the longest label. */
const LONGEST = 4
/** A patch holds what it shows at least so much of: of the whole, or of itself. */
const ENOUGH = 0.25
/** Most patches hold nothing: so many of them are asked. */
const NOTHING_ASKED = 0.25

/** Says of single patches what they hold, from features as wide as `width`, at any size of theirs. */
class PatchReader extends Module {
  constructor(width) {
    super()
    this.holds = new Linear(width, HOLDS.length)
    this.on = new Linear(width, COLORS.length)
    this.place = new Linear(width, LONGEST)
  }

  /** Features [N, width] and questions -> scores of each question's answers. A language model norms its tokens too (RMSNorm). */
  forward(features, questions) {
    const [, width] = features.shape
    const x = mul(l2Normalize(features), width ** 0.5)
    return questions.map(({ name, rows }) => this[name].forward(gatherRows(x, rows)))
  }
}

/** One reads a trunk's features, the other what a projector `mlp2x_gelu` makes of them; that alone would teach a trunk far slower. */
class Readers extends Module {
  constructor(width) {
    super()
    this.ofFeatures = new PatchReader(width)
    this.project = new Mlp({ inFeatures: width, hiddenFeatures: WIDTH, outFeatures: WIDTH })
    this.ofTokens = new PatchReader(WIDTH)
  }

  forward(features, questions) {
    return [
      ...this.ofFeatures.forward(features, questions),
      ...this.ofTokens.forward(this.project.forward(features), questions),
    ]
  }
}

/** In every step, of fourteen marks each. */
const GROUPS = 14
/**
 * Only at the end are there dots too, and is it asked where characters are and on what; and marks are seen as they are in
 * pictures: among others, after the picture at low resolution. Before, all of it would only hold letters up.
 */
const AMONG_OTHERS = 0.55

/**
 * Trains the trunk of a PS3 model and writes it to `directory`.
 * @param options `writing`: shares of what is on labels, as `drawCloseUps` calls it; `onRecord`: told every 100 steps of the
 *   accuracy on each question
 */
export async function teachPatches(
  from,
  directory,
  { seed = 0, steps, learningRate = 4e-3, writing, onRecord },
) {
  const { encoder, processor, tokenizerConfig } = await loadPretrained(from)
  const reader = new Readers(encoder.config.trunk.width)
  reader.initialize(seed)
  const { weight } = reader.project.fc1
  const scaled = div(weight.value, FEATURES)
  weight.set(scaled)
  scaled.dispose()
  const ofTrunk = [...encoder.namedParameters()].filter(([path]) => path.startsWith('vision_model.trunk.'))
  const parameters = new Map([...ofTrunk, ...reader.namedParameters('reader.')])
  const groups = [{ parameters, weightDecay: 0.01, rateFactor: 1 }]
  const write = (random) => oneOf(writing, random)
  const step = (i) =>
    patchStep(encoder, reader, {
      ...{ random: pictureRandom(2 * seed, i), write },
      isAlone: i < (1 - AMONG_OTHERS) * steps,
    })
  await teach(groups, step, { steps, learningRate, onRecord })
  await savePretrained(encoder, directory, { processor, tokenizerConfig })
  await saveProjector(reader.project, join(directory, 'projector.safetensors'))
  reader.dispose()
  encoder.dispose()
}

async function patchStep(encoder, reader, { random, write, isAlone }) {
  const { trunk } = encoder.config
  const sides = finestOf(encoder.config)
  const size = sides.at(-1) * trunk.patch_size
  const among = Array.from({ length: isAlone ? GROUPS : GROUPS / 2 }, () =>
    drawGroup(random, { size, write, kinds: isAlone ? ['label'] : KINDS }),
  )
  const drawn = isAlone ? among.flat().map((look) => [look]) : among
  const placed = placeMarks(encoder, drawn, sides, random)
  const count = placed.patches.shape[1]
  const asked = drawn.flatMap((looks, g) =>
    looks.flatMap((look, l) =>
      placed.rows[g][l].flatMap((row, at) => {
        const held = heldBy(look, [at % sides.at(-1), Math.floor(at / sides.at(-1))], trunk.patch_size)
        const isAsked = held && (held.what !== NOTHING || random.uniform() < NOTHING_ASKED)
        return isAsked ? [{ ...held, row: g * count + row }] : []
      }),
    ),
  )
  const questions = questionsOf(asked).filter(({ name }) => name === 'holds' || !isAlone)
  const tape = new Tape()
  const [loss, scores] = tape.record(() => {
    const look = isAlone ? lookAtPatches : lookAtMarks
    const features = reshape(look(encoder, placed, trunk.depth - 1, random), [-1, trunk.width])
    const scores = reader.forward(
      gatherRows(
        features,
        asked.map(({ row }) => row),
      ),
      questions,
    )
    const losses = scores.map((some, i) => crossEntropy(some, questions[i % questions.length].wanted))
    return [addN(losses), scores]
  })
  // What counts is what the language model is given.
  const ofTokens = scores.slice(questions.length)
  const answers = []
  for (const [q, { kinds, wanted }] of questions.entries()) {
    const right = areLargest(await tensorData(ofTokens[q]), wanted)
    answers.push(...kinds.map((kind, i) => ({ kind, isRight: right[i] })))
  }
  dispose([scores, placed.patches])
  return { tape, loss, answers }
}

/** What to ask of which rows of `asked`, and the answers. */
function questionsOf(asked) {
  const rows = asked.map((_, i) => i)
  const marks = rows.filter((i) => asked[i].what !== NOTHING)
  const characters = rows.filter((i) => asked[i].place !== undefined)
  const kindOf = ({ what }) =>
    what === NOTHING ? what : COLORS.includes(what) ? 'dot' : what < 'A' ? 'digit' : 'letter'
  return [
    { name: 'holds', rows, wanted: rows.map((i) => HOLDS.indexOf(asked[i].what)), kinds: asked.map(kindOf) },
    {
      name: 'on',
      rows: marks,
      wanted: marks.map((i) => COLORS.indexOf(asked[i].on)),
      kinds: marks.map(() => 'on'),
    },
    {
      ...{ name: 'place', rows: characters, wanted: characters.map((i) => asked[i].place) },
      kinds: characters.map(() => 'place'),
    },
  ]
}

/** What the patch at (column, row) of a close look shows most of; undefined where that is too little to tell. */
function heldBy({ seen, on }, [column, row], patch) {
  const [x, y] = [patch * column, patch * row]
  const shares = seen.map(({ box: [x1, y1, x2, y2] }) => {
    const width = Math.min(x2, x + patch) - Math.max(x1, x)
    const height = Math.min(y2, y + patch) - Math.max(y1, y)
    return (Math.max(0, width) * Math.max(0, height)) / Math.min((x2 - x1) * (y2 - y1), patch ** 2)
  })
  const most = Math.max(...shares)
  if (most === 0) return { what: NOTHING }
  return most < ENOUGH ? undefined : { ...seen[shares.indexOf(most)], on }
}

async function saveProjector({ fc1, fc2 }, path) {
  const stored = Object.entries({ 'layers.0': fc1, 'layers.2': fc2 }).flatMap(([name, { weight, bias }]) => [
    [`${name}.weight`, weight],
    [`${name}.bias`, bias],
  ])
  const written = stored.map(([name, { shape, value }]) => [
    name,
    { dtype: 'F32', shape, data: () => tensorData(value) },
  ])
  await writeSafetensors(path, written)
}
