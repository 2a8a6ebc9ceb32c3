// Teaches an encoder of one's own to look where words say, with patch-selector and contrastive-loss alone.
// usage: node custom-encoder.mjs [STEPS]
import { pathToFileURL } from 'node:url'
import { boxSupervisionLoss, regionTargets, sigLipLoss } from '@ps3js/contrastive-loss'
import { drawShapes, pictureRandom, shapeCaptions } from '@ps3js/data-synth'
import { boxesToMap, choosePatches, patchBoxes, SelectionHead } from '@ps3js/patch-selector'
import {
  adamWStep,
  add,
  addN,
  div,
  gatherRows,
  l2Normalize,
  Module,
  mul,
  normalInitializer,
  Parameter,
  reshape,
  scalar,
  sum,
  Tape,
  tensor4d,
  tidy,
  transpose,
  unfold,
  useBackend,
} from '@ps3js/tensor'
import { TinyViT } from './tiny-vit.mjs'

const SIZE = 96
const PATCH = 8
const GRID = { height: SIZE / PATCH, width: SIZE / PATCH }
const WIDTH = 32
const WORDS = [...new Set(shapeCaptions('train').flatMap((caption) => caption.split(' ')))]

/** The encoder, the head that says where to look, and a vector for every word. */
export class Model extends Module {
  constructor(seed) {
    super()
    this.encoder = new TinyViT({
      patches: GRID.height * GRID.width,
      patchSize: PATCH,
      width: WIDTH,
      depth: 2,
    })
    this.selector = new SelectionHead({ width: WIDTH, numFeatureLayers: 2, numHighResScales: 1 })
    this.words = new Parameter([WORDS.length, WIDTH], normalInitializer(WIDTH ** -0.5))
    this.initialize(seed)
  }

  /** Captions of two words -> prompts [B, W] */
  prompts(captions) {
    const vectors = [0, 1].map((place) =>
      gatherRows(
        this.words.value,
        captions.map((caption) => WORDS.indexOf(caption.split(' ')[place])),
      ),
    )
    return l2Normalize(addN(vectors))
  }

  /** Where each caption looks in its picture, [B, h, w], and the last hidden states, [B, N, W] */
  look(images, captions) {
    const hiddenStates = this.encoder.hiddenStates(patchesOf(images))
    const features = this.selector.features({ hiddenStates, grid: GRID })
    const prompts = this.prompts(captions)
    return {
      probabilities: this.selector.probabilities(features, prompts),
      last: hiddenStates.at(-1),
      prompts,
    }
  }
}

function patchesOf(images) {
  const bytes = images.flatMap(({ data }) => [...data])
  const pixels = tensor4d(
    Float32Array.from(bytes, (byte) => byte / 127.5 - 1),
    [images.length, SIZE, SIZE, 3],
  )
  return unfold(transpose(pixels, [0, 3, 1, 2]), PATCH)
}

function sample(seed, index) {
  const random = pictureRandom(seed, index)
  const { image, objects } = drawShapes({ random, size: SIZE, objects: 2 })
  return { image, ...objects[random.integer(objects.length)] }
}

function lossOf(model, samples) {
  const captions = samples.map(({ caption }) => caption)
  const { probabilities, last, prompts } = model.look(
    samples.map(({ image }) => image),
    captions,
  )
  const size = { height: SIZE, width: SIZE }
  const targets = regionTargets(
    samples.map(({ box }) => boxesToMap([box], size, size)),
    [GRID],
  )
  const boxes = boxSupervisionLoss({ probabilities, targets, isLocal: samples.map(() => true) })
  const inside = reshape(targets[0], [samples.length, -1, 1])
  const imageFeatures = l2Normalize(div(sum(mul(last, inside), 1), sum(inside, 1)))
  const contrast = sigLipLoss({
    imageFeatures,
    textFeatures: prompts,
    logitScale: scalar(Math.log(10)),
    logitBias: scalar(-5),
  })
  return add(mul(boxes, 10), contrast)
}

/** Trains a fresh model; the losses of all steps. */
export async function train({ steps, batch = 16, seed = 1, onStep }) {
  const model = new Model(seed)
  const moments = new Map()
  const losses = []
  for (let step = 1; step <= steps; step++) {
    const samples = Array.from({ length: batch }, (_, i) => sample(seed, step * batch + i))
    const tape = new Tape()
    const loss = tape.record(() => lossOf(model, samples))
    const parameters = [...model.namedParameters()].map(([, parameter]) => parameter)
    const gradients = tape.gradients(
      [{ y: loss }],
      parameters.map(({ value }) => value),
    )
    for (const [i, parameter] of parameters.entries()) update(parameter, gradients[i], moments, step)
    losses.push((await loss.data())[0])
    loss.dispose()
    onStep?.(step, losses.at(-1))
  }
  for (const pair of moments.values()) for (const moment of pair) moment.dispose()
  return { model, losses }
}

function update(parameter, gradient, moments, step) {
  if (!gradient) return
  const zeros = () => tidy(() => mul(gradient, 0))
  const [mean, meanSquare] = moments.get(parameter) ?? [zeros(), zeros()]
  const settings = { learningRate: 2e-3, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, step }
  const [value, ...next] = adamWStep(parameter.value, gradient, mean, meanSquare, settings)
  parameter.set(value)
  for (const old of [value, gradient, mean, meanSquare]) old.dispose()
  moments.set(parameter, next)
}

/** The patches that a caption chooses in a picture, as boxes in pixels. */
export async function chosenBoxes(model, image, caption, budget) {
  const probabilities = tidy(() => model.look([image], [caption]).probabilities)
  const data = await probabilities.data()
  probabilities.dispose()
  const [look] = choosePatches({ probabilities: { ...GRID, data }, grids: [GRID], budget })
  return patchBoxes(look, [GRID], image).map(({ box }) => box)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { describe } = await useBackend('auto')
  process.stderr.write(`${describe}\n`)
  const onStep = (step, loss) =>
    step % 50 === 0 && process.stdout.write(`step ${step}: loss ${loss.toFixed(3)}\n`)
  const { model } = await train({ steps: Number(process.argv[2] ?? 600), onStep })
  const { image, caption, box } = sample(2, 0)
  process.stdout.write(`"${caption}" lies at ${box}; chosen patches:\n`)
  for (const chosen of await chosenBoxes(model, image, caption, 6)) process.stdout.write(`  ${chosen}\n`)
}
