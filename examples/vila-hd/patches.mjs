// Teaches an encoder's patches to tell what they hold: colours of dots and single characters, by what these lie on. A language
// model learns from such patches in minutes what it would take hours to learn from pictures.
import { join } from 'node:path'
import { SHAPE_COLORS as COLORS, drawMark, pictureRandom } from '@ps3js/data-synth'
import { loadPretrained, PictureBatch, savePretrained } from '@ps3js/ps3-encoder'
import {
  add,
  addN,
  concat,
  dispose,
  div,
  gatherRows,
  Linear,
  l2Normalize,
  logSoftmax,
  Mlp,
  Module,
  matMul,
  mean,
  mul,
  neg,
  normalInitializer,
  oneHot,
  Parameter,
  reshape,
  softmax,
  stack,
  sum,
  Tape,
  tensor3d,
  tensorData,
  transpose,
  writeSafetensors,
} from '@ps3js/tensor'
import { adamW, applyValues, disposeAdamW } from '@ps3js/trainer'

/** Patches along each side of a close look at one mark. */
const SIDE = 4
const WIDTH = 128
/** Size of a tower's features, which GELU would pass on little of as they are. */
const FEATURES = 13
const HEADS = 4
const CHARACTERS = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ']
const ANSWERS = [...COLORS, ...CHARACTERS]
const KINDS = ['dot', 'label']

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

/** Marks among which one is meant: one alone teaches what marks look like, more of them to tell which is meant. */
const AMONG = [1, 2, 7, 14]
/** In every step, of fourteen marks each. */
const GROUPS = 6

/** A dot and a label on each of seven shapes, in any order. */
function drawGroup(random, size) {
  const marks = random
    .shuffle([...COLORS])
    .slice(0, 7)
    .flatMap((on) =>
      KINDS.map((kind) => {
        const { image, color, text } = drawMark({ random, kind, on, size })
        const asked = KINDS.indexOf(kind) * COLORS.length + COLORS.indexOf(on)
        return { image, asked, answer: ANSWERS.indexOf(text || color) }
      }),
    )
  return random.shuffle(marks)
}

/**
 * Patches of the marks, each somewhere on the finest scale's grid: what `embedHighRes` reads. `rows`: of all tokens, where those
 * of one mark after the other are.
 */
function patchesOf(groups, { patch_size: patch }, { mean, std }, grids, random) {
  const { width } = grids.at(-1)
  const cells = Math.floor(width / SIDE)
  const length = 3 * patch ** 2
  const count = groups[0].length * SIDE * SIDE
  const values = new Float32Array(groups.length * count * length)
  const rows = new Int32Array(groups.length * count)
  const selections = groups.map((group, g) => {
    const places = random.shuffle(Array.from({ length: cells * cells }, (_, i) => i)).slice(0, group.length)
    const patches = group.flatMap(({ image }, m) =>
      Array.from({ length: SIDE * SIDE }, (_, p) => {
        const [row, column] = [Math.floor(p / SIDE), p % SIDE]
        const index =
          (Math.floor(places[m] / cells) * SIDE + row) * width + (places[m] % cells) * SIDE + column
        return { image, row, column, index, place: m * SIDE * SIDE + p }
      }),
    )
    patches.sort((a, b) => a.index - b.index)
    patches.forEach(({ image, row, column, place }, i) => {
      rows[g * count + place] = g * count + i
      const at = (g * count + i) * length
      for (let c = 0; c < 3; c++)
        for (let y = 0; y < patch; y++)
          for (let x = 0; x < patch; x++) {
            const byte = image.data[3 * ((patch * row + y) * image.width + patch * column + x) + c]
            values[at + (c * patch + y) * patch + x] = (byte / 255 - mean[c]) / std[c]
          }
    })
    const none = grids.slice(0, -1).map(() => new Int32Array(0))
    return { indices: [...none, Int32Array.from(patches, ({ index }) => index)] }
  })
  return { patches: tensor3d(values, [groups.length, count, length]), selections, rows }
}

/**
 * Trains the trunk of a PS3 model and writes it to `directory`.
 * @param options `onRecord`: told every 100 steps of the accuracy on dots and labels among 1, 2, 7 and 14 marks
 */
export async function teachPatches(
  from,
  directory,
  { seed = 0, steps = 2000, learningRate = 2e-3, trunkRate = 1, onRecord },
) {
  const { encoder, processor, tokenizerConfig } = await loadPretrained(from)
  const { vision_model: model } = encoder
  const { vision, trunk } = encoder.config
  const layer = trunk.depth - 1
  const reader = new Reader(trunk.width)
  reader.initialize(seed)
  const { weight } = reader.project.fc1
  const scaled = div(weight.value, FEATURES)
  weight.set(scaled)
  scaled.dispose()
  const ofTrunk = [...encoder.namedParameters()].filter(([path]) => path.startsWith('vision_model.trunk.'))
  const ofReader = [...reader.namedParameters('reader.')]
  const parameters = new Map([...ofTrunk, ...ofReader])
  const groups = [
    { parameters: new Map(ofReader), weightDecay: 0.01, rateFactor: 1 },
    { parameters: new Map(ofTrunk), weightDecay: 0.01, rateFactor: trunkRate },
  ]
  const optimizer = adamW({ betas: [0.9, 0.98], epsilon: 1e-8 })
  let state = optimizer.init()
  const right = AMONG.map(() => [0, 0])
  const every = Math.min(100, steps)
  for (let step = 0; step < steps; step++) {
    const random = pictureRandom(2 * seed, step)
    const drawn = Array.from({ length: GROUPS }, () => drawGroup(random, SIDE * trunk.patch_size))
    // What lies around is nothing: the noise that pictures are drawn on.
    const [size] = vision.ps3_scales
    const around = {
      width: size,
      height: size,
      data: Uint8Array.from({ length: 3 * size * size }, () => 64 + random.integer(128)),
    }
    const pictures = new PictureBatch([around], vision.ps3_scales, trunk.patch_size, encoder.normalization)
    const grids = pictures.sizes.slice(1).map(({ grid }) => grid)
    const { patches, selections, rows } = patchesOf(drawn, trunk, encoder.normalization, grids, random)
    const asked = drawn.flat().map((one) => one.asked)
    const answers = drawn.flat().map((one) => one.answer)
    const tape = new Tape()
    const [loss, scores] = tape.record(() => {
      const { keysValues } = model.lowRes(pictures.lowResPatches(), pictures.sizes[0].grid, [layer])
      const shared = keysValues.map((x) =>
        concat(
          drawn.map(() => x),
          0,
        ),
      )
      const [tokens] = model.highRes(model.embedHighRes(patches, selections, grids), shared, [layer])
      const ofMarks = gatherRows(reshape(tokens, [rows.length, -1]), rows)
      const scores = AMONG.map((marks) =>
        reader.forward(reshape(ofMarks, [-1, marks * SIDE * SIDE, trunk.width]), asked),
      )
      const wanted = oneHot(answers, ANSWERS.length)
      const losses = scores.map((some) => neg(mean(sum(mul(logSoftmax(some), wanted), 1))))
      return [addN(losses), stack(scores)]
    })
    const values = [...parameters.values()].map(({ value }) => value)
    const found = tape.gradients([{ y: loss }], values)
    const gradients = new Map(
      [...parameters.keys()].flatMap((path, i) => (found[i] ? [[path, found[i]]] : [])),
    )
    const rate = learningRate * Math.min(1, (step + 1) / 50, (2 * (steps - step)) / steps)
    const next = optimizer.update(groups, gradients, state, rate)
    state = next.state
    applyValues(groups, next.values)
    const told = await tensorData(scores)
    right.forEach((counts, k) => {
      answers.forEach((answer, i) => {
        const from = (k * answers.length + i) * ANSWERS.length
        const row = told.subarray(from, from + ANSWERS.length)
        if (row.indexOf(Math.max(...row)) === answer) counts[Number(answer >= COLORS.length)]++
      })
    })
    const [value] = await tensorData(loss)
    dispose([loss, scores, patches])
    if ((step + 1) % every === 0) {
      const seen = GROUPS * 7 * every
      const accuracy = AMONG.flatMap((marks, k) =>
        KINDS.map((kind, i) => [`accuracy/${kind}/${marks}`, right[k][i] / seen]),
      )
      onRecord?.({ step: step + 1, scalars: { loss: value, ...Object.fromEntries(accuracy) } })
      for (const counts of right) counts.fill(0)
    }
  }
  await savePretrained(encoder, directory, { processor, tokenizerConfig })
  const { fc1, fc2 } = reader.project
  const stored = Object.entries({ 'layers.0': fc1, 'layers.2': fc2 }).flatMap(([name, { weight, bias }]) => [
    [`${name}.weight`, weight],
    [`${name}.bias`, bias],
  ])
  const written = stored.map(([name, { shape, value }]) => [
    name,
    { dtype: 'F32', shape, data: () => tensorData(value) },
  ])
  await writeSafetensors(join(directory, 'projector.safetensors'), written)
  disposeAdamW(state)
  reader.dispose()
  encoder.dispose()
}
