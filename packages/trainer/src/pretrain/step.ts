// One training step's losses and gradients: SigLIP between pictures and captions (Zhai et al., arXiv:2303.15343), and box
// supervision of where to look (PS3, arXiv:2503.19903, section 3.4), for a batch at once or in micro-batches.

import {
  accumulateGradients,
  binaryCrossEntropy,
  binaryCrossEntropyAndDice,
  boxSupervisionLoss,
  type Collective,
  type EncodedMicroBatch,
  type Recorder,
  regionTargets,
  sigLipLoss,
} from '@ps3js/contrastive-loss'
import type { PatchSelection } from '@ps3js/patch-selector'
import type { PS3Encoder } from '@ps3js/ps3-encoder'
import {
  InvalidArgumentError,
  mul,
  type Parameter,
  stack,
  type Tensor,
  TensorScope,
  tensorData,
} from '@ps3js/tensor'
import { checkBatch, type PretrainBatch, sliceBatch } from './batch.ts'
import { type ForwardOptions, pretrainForward } from './forward.ts'

export interface LossWeights {
  contrastive: number
  /** Box supervision of where to look without a prompt, and with the caption as one. */
  bottomUp: number
  topDown: number
}

export interface PretrainOptions extends ForwardOptions {
  /** Default: 1 each, as in the paper. */
  lossWeights?: Partial<LossWeights>
  /** Add a dice loss to both box losses (default false). */
  dice?: boolean
  /** Samples computed at a time: less memory for one more forward pass, and the same gradient. Default: all. */
  microBatch?: number
  /** What to differentiate by, by property path. Default: every parameter of the encoder. */
  parameters?: ReadonlyMap<string, Parameter>
  /** The workers that hold the rest of the batch. */
  collective?: Collective
  signal?: AbortSignal
}

/** Each loss before its weight (0 where the weight is 0); the total after. */
export type PretrainLosses = LossWeights & { total: number }

export interface PretrainStep {
  losses: PretrainLosses
  /** By property path; a parameter that the losses do not depend on has none. Yours to dispose. */
  gradients: Map<string, Tensor>
  /** The patches taken, one entry per sample. */
  selections: PatchSelection[]
}

/**
 * Losses and gradients of one batch; parameters and optimiser stay as they are.
 * @throws InvalidArgumentError when the batch's parts do not fit each other or the model
 */
export async function pretrainStep(
  encoder: PS3Encoder,
  batch: PretrainBatch,
  options: PretrainOptions = {},
): Promise<PretrainStep> {
  checkBatch(batch)
  const { logit_scale, logit_bias } = encoder
  if (!logit_scale || !logit_bias) {
    throw new InvalidArgumentError(
      'pre-training needs logit_scale and logit_bias: build the encoder with contrastive: true',
    )
  }
  const weights = { contrastive: 1, bottomUp: 1, topDown: 1, ...options.lossWeights }
  const parameters = options.parameters ?? new Map(encoder.namedParameters())
  const parts = partsOf(batch, options)
  using scope = new TensorScope()
  const { contrastiveLoss, extraLosses, gradients } = scope.track(
    await accumulateGradients({
      microBatches: parts,
      encode: (part, record) => encodePart(encoder, part, options, weights, record),
      loss: (features) => {
        const { value: logitScale } = logit_scale
        const { value: logitBias } = logit_bias
        const loss = sigLipLoss({ ...features, logitScale, logitBias, pictures: batch.pictures })
        return weighted(loss, weights.contrastive)
      },
      parameters: Object.fromEntries([...parameters].map(([path, { value }]) => [path, value])),
      collective: options.collective,
      signal: options.signal,
    }),
  )
  const losses = await readLosses(contrastiveLoss, extraLosses.bottomUp!, extraLosses.topDown!, weights)
  const selections = parts.flatMap((part) => part.selections ?? [])
  return { losses, gradients: new Map(Object.entries(scope.keep(gradients))), selections }
}

/** A part of the batch; once it was encoded, with the patches taken, so that they are the same the second time. */
interface Part {
  readonly batch: PretrainBatch
  selections: readonly PatchSelection[] | undefined
}

function partsOf(batch: PretrainBatch, { microBatch, selections }: PretrainOptions): Part[] {
  const total = batch.images.length
  const size = microBatch ?? total
  if (!Number.isInteger(size) || size < 1) {
    throw new InvalidArgumentError(`microBatch is ${size}, expected an integer of at least 1`)
  }
  return Array.from({ length: Math.ceil(total / size) }, (_, i) => ({
    batch: sliceBatch(batch, i * size, (i + 1) * size),
    selections: selections?.slice(i * size, (i + 1) * size),
  }))
}

async function encodePart(
  encoder: PS3Encoder,
  part: Part,
  options: PretrainOptions,
  weights: LossWeights,
  record: Recorder,
): Promise<EncodedMicroBatch> {
  const { selections } = part
  const output = await pretrainForward(encoder, part.batch, { ...options, selections }, record)
  part.selections = output.selections
  using scope = new TensorScope()
  scope.track(output)
  const isLocal = part.batch.isGlobalText.map((global) => !global)
  const count = isLocal.filter(Boolean).length
  const means = record(() => {
    const targets = regionTargets(part.batch.regions, output.grids)
    const mapLoss = options.dice ? binaryCrossEntropyAndDice : binaryCrossEntropy
    const loss = (probabilities: Tensor) => boxSupervisionLoss({ probabilities, targets, isLocal, mapLoss })
    return {
      bottomUp: weighted(loss(output.bottomUp), weights.bottomUp),
      topDown: weighted(loss(output.topDown), weights.topDown),
    }
  })
  return {
    ...scope.keep({ imageFeatures: output.imageFeatures, textFeatures: output.textFeatures }),
    extraLosses: { bottomUp: { mean: means.bottomUp, count }, topDown: { mean: means.topDown, count } },
  }
}

const weighted = (loss: Tensor, weight: number): Tensor => (weight === 1 ? loss : mul(loss, weight))

/** Reads all with one transfer. */
async function readLosses(
  contrastive: Tensor,
  bottomUp: Tensor,
  topDown: Tensor,
  weights: LossWeights,
): Promise<PretrainLosses> {
  const all = stack([contrastive, bottomUp, topDown])
  try {
    const [a, b, c] = (await tensorData(all)) as unknown as [number, number, number]
    const before = (loss: number, weight: number) => (weight === 0 ? 0 : loss / weight)
    return {
      contrastive: before(a, weights.contrastive),
      bottomUp: before(b, weights.bottomUp),
      topDown: before(c, weights.topDown),
      total: a + b + c,
    }
  } finally {
    all.dispose()
  }
}
