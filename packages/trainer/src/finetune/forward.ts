// VILA-HD's forward pass in fine-tuning (arXiv:2503.19903, section 4; LLaVATopDownTrainer of NVlabs/VILA): the pictures at
// low resolution, the question read for a prompt, patches chosen, the answer read with them.
// Shapes: N samples, P different pictures, n low-res tokens, C width of the encoder, D of the language model.

import type { Recorder } from '@ps3js/contrastive-loss'
import {
  chooseBatchPatches,
  type GridSize,
  type PatchSelection,
  type ProbabilityMap,
  probabilityMaps,
  scaleBudget,
} from '@ps3js/patch-selector'
import { PictureBatch } from '@ps3js/ps3-encoder'
import {
  gatherRows,
  matMul,
  type Random,
  reshape,
  slice,
  type Tensor,
  TensorScope,
  tensor2d,
  tidy,
} from '@ps3js/tensor'
import { highResFeatures, lowResFeatures, type PictureTokens, type VilaHd } from '@ps3js/vila-hd'
import { SharedPictures } from '../pretrain/shared-pictures.ts'
import { forcedSelection } from './forced-selection.ts'
import { packQuestions } from './packed-questions.ts'
import { type QuestionBatch, type QuestionSample, regionOf } from './rows.ts'

/**
 * What a question is answered from, besides the low-res tokens: nothing; `crop`, the patches nearest to what it asks for and to
 * some distractors; `together`, those nearest to what all of the batch's questions about the picture ask for, read once for all
 * of them; `forced`, what it asks for and where that lies, then distractors, then the most probable; or the most probable
 * alone, as when it is asked later.
 */
export type SelectionMode = (typeof SELECTION_MODES)[number]
export const SELECTION_MODES = ['none', 'crop', 'together', 'forced', 'predicted'] as const

export interface QuestionForwardOptions {
  selection: {
    mode: SelectionMode
    /**
     * Patches per picture, over all high scales in proportion to their pixels; of two numbers any from one to the other, of each
     * magnitude as often. Default: the encoder's own budget.
     */
    budget?: number | readonly [least: number, most: number] | undefined
    /** Whether the language model reads the low-res tokens too; where it learns to read patches they are in the way. */
    lowRes?: boolean | undefined
    /** Most of a sample's distractors that `forced` takes, default 8, and `crop`, which takes any number up to it, default 0. */
    distractors?: number | undefined
  }
  prompt: {
    /** Whether the language model learns from where it looks; else the prompt head alone does. */
    gradient: boolean
  }
}

export interface QuestionForward {
  /** Where the questions look: [N, h, w] in 0..1; null where nothing is chosen by it and `needsMaps` is false. */
  topDown: Tensor | null
  maps: readonly ProbabilityMap[] | null
  selections: readonly PatchSelection[] | null
  /** Patch grids of the high scales. */
  grids: readonly GridSize[]
  /** What the language model reads of each sample's picture. Not with `topDown`: each is its own tensor. */
  pictures: readonly PictureTokens[]
}

/**
 * Everything before the answer is read. Runs synchronous parts inside `recorder`: a tape's, or `tidy`. The caller disposes
 * all tensors.
 *
 * @param needsMaps whether the maps are wanted even where the selection does not go by them
 * @param random decides how many patches, and which distractors, are taken
 */
export async function questionForward(
  model: VilaHd,
  batch: QuestionBatch,
  { selection, prompt }: QuestionForwardOptions,
  { record, needsMaps, random }: { record: Recorder; needsMaps: boolean; random: Random },
): Promise<QuestionForward> {
  const { vision_tower: encoder, mm_projector: connector, featureLayer } = model
  const { vision, trunk } = encoder.config
  const pictureBatch = (images: PictureBatch['images']) =>
    new PictureBatch(images, vision.ps3_scales, trunk.patch_size, encoder.normalization)
  const images = batch.samples.map(({ image }) => image)
  const shared = new SharedPictures(images)
  const pictures = pictureBatch(shared.images)
  const { grid } = pictures.sizes[0]!
  const grids = pictures.sizes.slice(1).map((size) => size.grid)
  using scope = new TensorScope()
  const isChosenByMap = selection.mode === 'forced' || selection.mode === 'predicted'
  const isAsked = model.config.lookMode === 'after-prompt'
  const byPrompt = isAsked && (needsMaps || isChosenByMap)
  const low = scope.track(
    record(() => {
      const selects = byPrompt || isChosenByMap
      const { features, keysValues, selection } = lowResFeatures(encoder, pictures, featureLayer, selects)
      const all = connector.lowRes(features, grid)
      const [, count, width] = all.shape as [number, number, number]
      const tokens = shared.images.map((_, i) => reshape(slice(all, [i, 0, 0], [1, -1, -1]), [count, width]))
      const seen = selection ? [selection.lowRes, ...(selection.highRes ? [selection.highRes] : [])] : []
      return { tokens, keysValues, seen }
    }),
  )
  const [lowSeen, highSeen = null] = low.seen
  const lowOfSamples = shared.perSample(low.tokens)
  const readsLowRes = selection.lowRes !== false
  const readOfSamples = lowOfSamples.map((tokens) => (readsLowRes ? tokens : null))

  let topDown: Tensor | null = null
  if (byPrompt) {
    const read = () => questionStates(model, batch, readOfSamples)
    const seen = { grid, lowRes: lowSeen!, highRes: highSeen }
    const states = scope.track(prompt.gradient ? record(read) : tidy(read))
    topDown = scope.track(
      record(() => shared.topDown(encoder.vision_model.selector, seen, connector.prompt(states))),
    )
  }
  let maps = topDown && (await probabilityMaps(topDown))
  if (!isAsked && isChosenByMap) {
    // The picture alone says where: the same for all of its questions, and nothing to learn from.
    const seen = { grid, lowRes: lowSeen!, highRes: highSeen }
    const bottomUp = scope.track(tidy(() => encoder.vision_model.selector.probabilities(seen)))
    maps = shared.perSample(await probabilityMaps(bottomUp))
  }
  // Else every question has patches of its own.
  const isTogether = selection.mode === 'together'
  const perSample = <T>(all: readonly T[]) => (isTogether ? shared.perSample(all) : all)
  const looks = isTogether
    ? shared.samplesOf.map((same) => same.map((i) => batch.samples[i]!))
    : batch.samples.map((sample) => [sample])
  const chosen = choose(model, looks, grids, maps, selection, random)
  const tokens = record((): Tensor[] => {
    if (!chosen) return []
    const keysValues = isTogether ? low.keysValues : low.keysValues.map((x) => shared.rowsPerSample(x))
    const seenClosely = isTogether ? pictures : pictureBatch(images)
    const features = highResFeatures(encoder, seenClosely, [chosen], keysValues, featureLayer)
    const lowOfChosen = isTogether ? low.tokens : lowOfSamples
    return chosen.map(({ indices }, i) => {
      const [, count, width] = features.shape as [number, number, number]
      const own = reshape(slice(features, [i, 0, 0], [1, -1, -1]), [count, width])
      const lowRes = lowOfChosen[i]!
      return connector.highRes(own, { grids, indices }, reshape(lowRes, [1, ...lowRes.shape])).tokens
    })
  })
  const selections = chosen && perSample(chosen)
  const highOfSamples = chosen && perSample(tokens)
  scope.keep(topDown)
  if (readsLowRes) scope.keep(low.tokens)
  return {
    topDown,
    maps,
    selections,
    grids,
    pictures: readOfSamples.map((lowRes, i) => ({ low: lowRes, high: highOfSamples?.[i] ?? null })),
  }
}

/** What the language model's states say after the questions, read with the low-res tokens: [N, D] */
function questionStates(model: VilaHd, { ids }: QuestionBatch, low: readonly (Tensor | null)[]): Tensor {
  const texts = ids.map(({ prompt, question: [, end] }) => ({ ids: prompt.slice(0, end) }))
  const { rows, parts, ends } = packQuestions(
    model,
    texts,
    low.map((tokens) => ({ low: tokens, high: null })),
  )
  const { last } = model.llm.forward(rows, parts)
  if (model.config.promptState === 'last')
    return gatherRows(
      last,
      ends.map((end) => end - 1),
    )
  const count = last.shape[0]!
  const weights = new Float32Array(ids.length * count)
  ids.forEach(({ question: [start, end] }, i) => {
    // Of an empty question the last state, as where it is asked later.
    const many = Math.max(1, end - start)
    weights.fill(1 / many, i * count + ends[i]! - many, i * count + ends[i]!)
  })
  return matMul(tensor2d(weights, [ids.length, count]), last)
}

/** One selection for each look, which may serve several samples of one picture. */
function choose(
  model: VilaHd,
  looks: readonly (readonly QuestionSample[])[],
  grids: readonly GridSize[],
  maps: readonly ProbabilityMap[] | null,
  { mode, budget: patches, distractors }: QuestionForwardOptions['selection'],
  random: Random,
): PatchSelection[] | null {
  if (mode === 'none') return null
  const { budget: usual } = model.vision_tower
  const wanted = patches === undefined ? usual : scaleBudget(grids.map(area), oneOf(patches, random))
  const budget = wanted.map((count, scale) => Math.min(count, area(grids[scale]!)))
  if (mode === 'predicted') {
    const choices = maps!.map((probabilities) => ({ probabilities }))
    return chooseBatchPatches({ grids, budget }, choices).map((looks) => looks[0]!)
  }
  const { block } = model.mm_projector
  return looks.map((samples, i) => {
    const [sample] = samples as [QuestionSample]
    const boxes = samples.flatMap((one) => one.boxes)
    const common = { imageSize: sample.image, grids, budget, block }
    if (mode === 'together') return forcedSelection({ ...common, boxes, others: [] })
    const others = random.shuffle([...sample.distractors])
    if (mode === 'crop') {
      const taken = others.slice(0, random.integer((distractors ?? 0) + 1))
      return forcedSelection({ ...common, boxes: [...boxes, ...taken], others: [] })
    }
    const tiers = [regionOf(sample), ...others.slice(0, distractors ?? 8).map((box) => [box])]
    return forcedSelection({ ...common, boxes, others: tiers, probabilities: maps![i] })
  })
}

function oneOf(budget: number | readonly [number, number], random: Random): number {
  if (typeof budget === 'number') return budget
  const [least, most] = budget
  return Math.round(least * (most / least) ** random.uniform())
}

const area = ({ height, width }: GridSize): number => height * width
