// Close looks at small marks, at all scales, alone and among others: hundreds a second, where pictures of 4K give tens. An
// encoder's patches and a language model learn from them what there is to read.
import { SHAPE_COLORS as COLORS, drawCloseUps } from '@ps3js/data-synth'
import { PictureBatch, samplePatches } from '@ps3js/ps3-encoder'
import { concat, tensor3d, tensorData } from '@ps3js/tensor'
import { adamW, applyValues, disposeAdamW } from '@ps3js/trainer'

/** Marks among which one is meant: one alone teaches what marks look like, more of them to tell which is meant. */
export const AMONG = [1, 2, 7, 14]
export const KINDS = ['dot', 'label']

/**
 * A dot and a label on each of seven shapes of different colours, in any order; then close looks beside them.
 * @param options `size`: of a close look, in pixels; `write`: what is to be on a label, by a generator; `beside`: close looks at
 *   each shape where neither mark is; `kinds`: of marks that are shown
 */
export function drawGroup(random, { size, write, beside = 0, kinds = KINDS }) {
  const hosts = random.shuffle([...COLORS]).slice(0, 7)
  const shapes = hosts.map((color) => {
    const writing = write(random)
    return { color, writing, ...drawCloseUps({ random, color, writing, size, beside }) }
  })
  const marks = shapes.flatMap(({ color, kind: shape, writing, dot, label }) => [
    { ...dot, kind: 'dot', on: color, shape, writing, answer: dot.color },
    { ...label, kind: 'label', on: color, shape, writing, answer: label.text },
  ])
  const others = shapes.flatMap((shape) => shape.beside.map((image) => ({ image })))
  const shown = marks.filter(({ kind }) => kinds.includes(kind))
  return [...random.shuffle(shown), ...random.shuffle(others)]
}

/** Patch grids of the high scales. */
function highGrids({ vision, trunk }) {
  return vision.ps3_scales.slice(1).map((scale) => ({
    height: scale / trunk.patch_size,
    width: scale / trunk.patch_size,
  }))
}

/** Patches along a close look at every high scale: one of the first, and what the others have in its place. */
export function sidesOf(config) {
  const grids = highGrids(config)
  return grids.map(({ width }) => width / grids[0].width)
}

/** The same of the finest scale alone: the less is around a mark, the sooner it is read. */
export const finestOf = (config) => sidesOf(config).map((_, i, { length }) => (i + 1 < length ? 0 : 4))

/**
 * Groups of as many close looks each, as an encoder takes them: each somewhere in a picture of its group. Dispose `patches`.
 * `sides`: patches along a close look at each high scale; 0 leaves the scale out. `rows`: of each group, for each close look, where its patches are among the group's.
 */
export function placeMarks({ config, normalization: { mean, std } }, groups, sides, random) {
  const patch = config.trunk.patch_size
  const length = 3 * patch ** 2
  const grids = highGrids(config)
  const across = Math.min(...sides.map((side, scale) => Math.floor(grids[scale].width / side)))
  const cells = Array.from({ length: across ** 2 }, (_, i) => i)
  const looks = groups[0].length
  const count = looks * sides.reduce((sum, side) => sum + side ** 2, 0)
  const values = new Float32Array(groups.length * count * length)
  const placed = groups.map((group, g) => {
    const chosen = random.shuffle([...cells]).slice(0, looks)
    const rows = group.map(() => [])
    let start = 0
    const indices = sides.map((side, scale) => {
      if (side === 0) return new Int32Array(0)
      const { width } = grids[scale]
      const all = chosen.flatMap((cell, look) => {
        const [top, left] = [side * Math.floor(cell / across), side * (cell % across)]
        const at = (p) => (top + Math.floor(p / side)) * width + left + (p % side)
        return Array.from({ length: side ** 2 }, (_, p) => ({ look, p, index: at(p) }))
      })
      all.sort((a, b) => a.index - b.index)
      const seen = group.map(({ image }) =>
        samplePatches(image, side * patch, side * patch, patch, null, mean, std),
      )
      all.forEach(({ look, p }, i) => {
        rows[look].push(start + i)
        values.set(seen[look].subarray(p * length, (p + 1) * length), (g * count + start + i) * length)
      })
      start += all.length
      return Int32Array.from(all, ({ index }) => index)
    })
    return { indices, rows }
  })
  return {
    grids,
    patches: tensor3d(values, [groups.length, count, length]),
    selections: placed.map(({ indices }) => ({ indices })),
    rows: placed.map(({ rows }) => rows),
  }
}

/** What lies around is nothing: the noise that pictures are drawn on. */
function noisePicture({ config: { vision, trunk }, normalization }, random) {
  const [size] = vision.ps3_scales
  const data = Uint8Array.from({ length: 3 * size * size }, () => 64 + random.integer(128))
  return new PictureBatch(
    [{ width: size, height: size, data }],
    vision.ps3_scales,
    trunk.patch_size,
    normalization,
  )
}

/** `lookAtMarks` with nothing around: many times as fast. */
export function lookAtPatches({ vision_model: model }, { grids, patches, selections }, layer) {
  return model.highRes(model.embedHighRes(patches, selections, grids), [], [layer])[0]
}

/**
 * Features of the groups' patches after a layer, by the very path of high-res patches, with noise for the picture around:
 * [groups, patches, C]. Differentiable.
 */
export function lookAtMarks(encoder, { grids, patches, selections }, layer, random) {
  const { vision_model: model } = encoder
  const around = noisePicture(encoder, random)
  const { keysValues } = model.lowRes(around.lowResPatches(), around.sizes[0].grid, [layer])
  const shared = keysValues.map((x) => concat(Array(selections.length).fill(x), 0))
  return model.highRes(model.embedHighRes(patches, selections, grids), shared, [layer])[0]
}

/**
 * AdamW over `groups` of parameters.
 * @param step gives its `tape`, the `loss`, which is used up, and for each answer its `kind` and whether it `isRight`
 * @param options `onRecord`: told every `every` steps of the loss and of the share of right answers of each kind
 */
export async function teach(groups, step, { steps, learningRate, every = 100, onRecord }) {
  const optimizer = adamW({ betas: [0.9, 0.98], epsilon: 1e-8 })
  let state = optimizer.init()
  const parameters = groups.flatMap((group) => [...group.parameters])
  let counts = new Map()
  for (let i = 0; i < steps; i++) {
    const { tape, loss, answers } = await step(i)
    const found = tape.gradients(
      [{ y: loss }],
      parameters.map(([, { value }]) => value),
    )
    const gradients = new Map(parameters.flatMap(([path], k) => (found[k] ? [[path, found[k]]] : [])))
    const [value] = await tensorData(loss)
    loss.dispose()
    const rate = learningRate * Math.min(1, (i + 1) / 50, (2 * (steps - i)) / steps)
    const next = optimizer.update(groups, gradients, state, rate)
    state = next.state
    applyValues(groups, next.values)
    for (const { kind, isRight } of answers) {
      const [right, all] = counts.get(kind) ?? [0, 0]
      counts.set(kind, [right + Number(isRight), all + 1])
    }
    if ((i + 1) % Math.min(every, steps) > 0) continue
    const kinds = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
    const accuracy = kinds.map(([kind, [right, all]]) => [`accuracy/${kind}`, right / all])
    onRecord?.({ step: i + 1, scalars: { loss: value, ...Object.fromEntries(accuracy) } })
    counts = new Map()
  }
  disposeAdamW(state)
}

/** One of the names, each as often as its share of 1 says. */
export function oneOf(shares, random) {
  let left = random.uniform()
  for (const [name, share] of Object.entries(shares)) {
    left -= share
    if (left < 0) return name
  }
  return Object.keys(shares).at(-1)
}

/** Whether the largest of each row's values is the wanted one. values: row after row */
export function areLargest(values, wanted) {
  const width = values.length / wanted.length
  return wanted.map((index, i) => {
    const row = values.subarray(i * width, (i + 1) * width)
    return row.indexOf(Math.max(...row)) === index
  })
}
