// PS3's forward pass in pre-training (arXiv:2503.19903, section 3): the whole picture at low resolution, where to look,
// the chosen patches, and one feature per picture and caption.
// Shapes: B batch, h x w the low-res grid, C width, P feature width.

import type { Recorder } from '@ps3js/contrastive-loss'
import {
  chooseBatchPatches,
  type GridSize,
  type PatchSelection,
  probabilityMaps,
} from '@ps3js/patch-selector'
import {
  mixRows,
  PictureBatch,
  type PS3Encoder,
  poolingMask,
  regionWeights,
  type TextOutput,
} from '@ps3js/ps3-encoder'
import {
  InvalidArgumentError,
  type LinearPrecision,
  l2Normalize,
  type Tensor,
  TensorScope,
  withLinearPrecision,
} from '@ps3js/tensor'
import type { PretrainBatch } from './batch.ts'
import { type BlockRunner, plainBlocks } from './blocks.ts'
import { SharedPictures } from './shared-pictures.ts'
import { spreadRegions } from './spread-regions.ts'

export interface ForwardOptions {
  /** Take the patches of the caption's region first (default true). */
  selectWithGroundTruth?: boolean
  /** Pool the feature from tokens inside the region only, where there are any (default true). */
  poolGroundTruthTokensOnly?: boolean
  /** High-res tokens attend to the low-res keys and values too (default true). */
  attendToLowRes?: boolean
  /** Captions to features and prompts; default: the model's own text tower. What it makes is freed here. */
  encodeText?: (tokenIds: readonly Int32Array[]) => TextOutput
  /** How blocks run: `plainBlocks` (default) or `checkpointedBlocks`. */
  blocks?: BlockRunner
  /** What linear layers multiply in, forwards and backwards (default float32). */
  precision?: LinearPrecision
  /** Patches per high scale; default: the model's own budget. */
  budget?: number | readonly number[]
  /** Take exactly these patches, one entry per sample, instead of choosing. */
  selections?: readonly PatchSelection[]
}

export interface ForwardOutput {
  /** Unit length: [B, P]. */
  imageFeatures: Tensor
  /** Unit length: [B, P]. */
  textFeatures: Tensor
  /** Where to look without a prompt, and with the caption as the prompt: [B, h, w] in 0..1. */
  bottomUp: Tensor
  topDown: Tensor
  selections: readonly PatchSelection[]
  /** Patch grids of the high scales. */
  grids: readonly GridSize[]
}

/**
 * Runs its synchronous parts inside `recorder`: a tape's, or `tidy`. Between them the probabilities are read, as patches are
 * chosen outside of the backend. The caller disposes the four tensors.
 */
export async function pretrainForward(
  encoder: PS3Encoder,
  batch: PretrainBatch,
  options: ForwardOptions,
  recorder: Recorder,
): Promise<ForwardOutput> {
  const { vision, trunk } = encoder.config
  const { precision = 'float32' } = options
  const record: Recorder = (body) => recorder(() => withLinearPrecision(precision, body))
  const shared = new SharedPictures(batch.images)
  const pictures = new PictureBatch(shared.images, vision.ps3_scales, trunk.patch_size, encoder.normalization)
  using scope = new TensorScope()
  const low = scope.track(record(() => lowResPart(encoder, pictures, shared, batch, options)))
  const selections =
    options.selections ?? (await choose(encoder, pictures, shared, batch, low.topDown, options))
  const imageFeatures = record(() => {
    const high = highResPart(encoder, pictures, shared, batch, selections, low.keysValues, options)
    return l2Normalize(
      batch.isGlobalText.some(Boolean) ? mixRows(batch.isGlobalText, low.pooled!, high) : high,
    )
  })
  const { textFeatures, bottomUp, topDown } = scope.keep({
    textFeatures: low.textFeatures,
    bottomUp: low.bottomUp,
    topDown: low.topDown,
  })
  return { imageFeatures, textFeatures, bottomUp, topDown, selections, grids: gridsOf(pictures) }
}

function lowResPart(
  encoder: PS3Encoder,
  pictures: PictureBatch,
  shared: SharedPictures,
  { tokenIds, isGlobalText }: PretrainBatch,
  { blocks = plainBlocks, encodeText = ownText(encoder) }: ForwardOptions,
) {
  const { vision_model: model } = encoder
  const { select_based_on_layer } = encoder.config.vision
  const { grid } = pictures.sizes[0]!
  const states: Tensor[] = []
  const keysValues: Tensor[] = []
  let x = model.embedLowRes(pictures.lowResPatches(), grid)
  for (const block of model.trunk.blocks) {
    const out = blocks.lowRes(block, x)
    x = out.x
    states.push(x)
    keysValues.push(out.keysValues)
  }
  const features = model.selector.features({
    hiddenStates: select_based_on_layer.map((layer) => states[layer]!),
    grid,
    picturePatches: pictures.selectionPatches(encoder.config.vision),
  })
  const { pooled: textPooled, prompt } = encodeText(tokenIds)
  return {
    keysValues,
    pooled: isGlobalText.some(Boolean) ? shared.rowsPerSample(model.trunk.pool(x)) : undefined,
    textFeatures: l2Normalize(textPooled),
    bottomUp: shared.rowsPerSample(model.selector.probabilities(features)),
    topDown: shared.topDown(model.selector, features, prompt),
  }
}

function highResPart(
  { vision_model: model }: PS3Encoder,
  pictures: PictureBatch,
  shared: SharedPictures,
  { regions }: PretrainBatch,
  selections: readonly PatchSelection[],
  keysValues: readonly Tensor[],
  { blocks = plainBlocks, attendToLowRes = true, poolGroundTruthTokensOnly = true }: ForwardOptions,
): Tensor {
  const taken = shared.samplesOf.map(([first]) => selections[first!]!)
  let x = model.embedHighRes(pictures.highResPatches(taken), taken, gridsOf(pictures))
  for (const [layer, block] of model.trunk.blocks.entries()) {
    x = blocks.highRes(block, x, attendToLowRes ? keysValues[layer] : undefined)
  }
  const mask = poolGroundTruthTokensOnly
    ? poolingMask(selections.map((selection, i) => regionWeights(regions[i]!, selection, pictures.sizes)))
    : undefined
  return model.trunk.pool(shared.rowsPerSample(x), mask)
}

function ownText({ text_model: text }: PS3Encoder) {
  if (!text) {
    throw new InvalidArgumentError('pre-training needs a text tower: this model has none; give encodeText')
  }
  return (tokenIds: readonly Int32Array[]) => text.forward(tokenIds)
}

const gridsOf = ({ sizes }: PictureBatch) => sizes.slice(1).map(({ grid }) => grid)

/** Top-down, as the captions say, with their regions forced where asked for. */
async function choose(
  encoder: PS3Encoder,
  pictures: PictureBatch,
  shared: SharedPictures,
  { regions }: PretrainBatch,
  topDown: Tensor,
  { budget = encoder.budget, selectWithGroundTruth = true }: ForwardOptions,
): Promise<PatchSelection[]> {
  const maps = await probabilityMaps(topDown)
  const grids = gridsOf(pictures)
  const choices = shared.largest(maps).map((probabilities, picture) => {
    if (!selectWithGroundTruth) return { probabilities }
    const [first, ...others] = shared.samplesOf[picture]!.map((sample) => regions[sample]!)
    if (others.length === 0) return { probabilities, groundTruth: first! }
    return { probabilities: spreadRegions(probabilities, [first!, ...others], grids) }
  })
  const chosen = chooseBatchPatches({ grids, budget }, choices)
  return shared.perSample(chosen.map((looks) => looks[0]!))
}
