// Teaches an encoder's patches to tell what they hold: colours of dots and digits, by what these lie on. A language
// model learns from such patches in minutes what it would take hours to learn from pictures.
import { join } from 'node:path'
import { SHAPE_COLORS as COLORS, pictureRandom } from '@ps3js/data-synth'
import { crossEntropy } from '@ps3js/language-model'
import { loadPretrained, savePretrained } from '@ps3js/ps3-encoder'
import {
  add,
  addN,
  dispose,
  div,
  gatherRows,
  Linear,
  l2Normalize,
  Mlp,
  Module,
  matMul,
  mul,
  normalInitializer,
  Parameter,
  reshape,
  softmax,
  stack,
  Tape,
  tensorData,
  transpose,
  writeSafetensors,
} from '@ps3js/tensor'
import { AMONG, areLargest, drawGroup, finestOf, KINDS, lookAtMarks, placeMarks, teach } from './marks.mjs'

const WIDTH = 128
/** Size of a tower's features, which GELU would pass on little of as they are. */
const FEATURES = 13
const HEADS = 4
const ANSWERS = [...COLORS, ...'0123456789']
/**
 * Finds a mark among patches by its kind and by what it lies on, in one step, and says what it is. Its first layers become a
 * projector `mlp2x_gelu`; the rest is thrown away.
 */
class Reader extends Module {
  constructor(width) {
    super()
    this.project = new Mlp({ inFeatures: width, hiddenFeatures: WIDTH, outFeatures: WIDTH })
    this.keys = new Linear(WIDTH, WIDTH)
    this.values = new Linear(WIDTH, WIDTH)
    this.asked = new Parameter([KINDS.length * COLORS.length, WIDTH], normalInitializer(0.5))
    this.answer = new Mlp({ inFeatures: WIDTH, hiddenFeatures: 2 * WIDTH, outFeatures: ANSWERS.length })
  }

  /** Tokens [B, N, C] and Q questions of each row of them, as rows of `asked` -> [B * Q, answers] */
  forward(tokens, asked) {
    const [batch] = tokens.shape
    // A language model norms them too (RMSNorm).
    const x = mul(l2Normalize(this.project.forward(tokens)), WIDTH ** 0.5)
    const heads = (y) => transpose(reshape(y, [batch, -1, HEADS, WIDTH / HEADS]), [0, 2, 1, 3])
    const queries = heads(reshape(gatherRows(this.asked.value, asked), [batch, -1, WIDTH]))
    const scores = mul(matMul(queries, heads(this.keys.forward(x)), false, true), (WIDTH / HEADS) ** -0.5)
    const found = matMul(softmax(scores), heads(this.values.forward(x)))
    const rows = reshape(transpose(found, [0, 2, 1, 3]), [-1, WIDTH])
    return this.answer.forward(add(rows, gatherRows(this.asked.value, asked)))
  }
}

/** In every step, of fourteen marks each. */
const GROUPS = 6

/**
 * Trains the trunk of a PS3 model and writes it to `directory`.
 * @param options `onRecord`: told every 100 steps of the accuracy on dots and labels among 1, 2, 7 and 14 marks
 */
export async function teachPatches(from, directory, { seed = 0, steps, learningRate = 2e-3, onRecord }) {
  const { encoder, processor, tokenizerConfig } = await loadPretrained(from)
  const { trunk } = encoder.config
  const reader = new Reader(trunk.width)
  reader.initialize(seed)
  const { weight } = reader.project.fc1
  const scaled = div(weight.value, FEATURES)
  weight.set(scaled)
  scaled.dispose()
  const ofTrunk = [...encoder.namedParameters()].filter(([path]) => path.startsWith('vision_model.trunk.'))
  const parameters = new Map([...ofTrunk, ...reader.namedParameters('reader.')])
  const groups = [{ parameters, weightDecay: 0.01, rateFactor: 1 }]
  const step = (i) => patchStep(encoder, reader, pictureRandom(2 * seed, i))
  await teach(groups, step, { steps, learningRate, onRecord })
  await savePretrained(encoder, directory, { processor, tokenizerConfig })
  await saveProjector(reader.project, join(directory, 'projector.safetensors'))
  reader.dispose()
  encoder.dispose()
}

async function patchStep(encoder, reader, random) {
  const { trunk } = encoder.config
  const sides = finestOf(encoder.config)
  const drawn = Array.from({ length: GROUPS }, () =>
    drawGroup(random, { size: sides.at(-1) * trunk.patch_size, write: () => 'digit' }),
  )
  const placed = placeMarks(encoder, drawn, sides, random)
  const count = placed.patches.shape[1]
  const ofMarks = Int32Array.from(placed.rows.flatMap((rows, g) => rows.flat().map((row) => g * count + row)))
  const marks = drawn.flat()
  const asked = marks.map(({ kind, on }) => KINDS.indexOf(kind) * COLORS.length + COLORS.indexOf(on))
  const wanted = marks.map(({ answer }) => ANSWERS.indexOf(answer))
  const tape = new Tape()
  const [loss, scores] = tape.record(() => {
    const features = lookAtMarks(encoder, placed, trunk.depth - 1)
    const tokens = gatherRows(reshape(features, [-1, trunk.width]), ofMarks)
    const scores = AMONG.map((many) =>
      reader.forward(reshape(tokens, [-1, (many * count) / drawn[0].length, trunk.width]), asked),
    )
    return [addN(scores.map((some) => crossEntropy(some, wanted))), stack(scores)]
  })
  const rows = AMONG.flatMap((many) => marks.map(({ kind }) => `${kind}/${many}`))
  const right = areLargest(
    await tensorData(scores),
    rows.map((_, i) => wanted[i % wanted.length]),
  )
  dispose([scores, placed.patches])
  return { tape, loss, answers: rows.map((kind, i) => ({ kind, isRight: right[i] })) }
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
