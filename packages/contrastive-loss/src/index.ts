// @ps3js/contrastive-loss: contrastive losses for vision and language, with box supervision of patch selection.

export {
  type AccumulatedGradients,
  type AccumulateOptions,
  accumulateGradients,
  type EncodedMicroBatch,
  type Recorder,
} from './accumulate/accumulate.ts'
export type { ExtraLoss } from './accumulate/extra-losses.ts'
export {
  type ContrastiveGradients,
  type ContrastiveGradientsOptions,
  contrastiveGradients,
} from './accumulate/feature-gradients.ts'
export * from './box-supervision/index.ts'
export { type Collective, singleProcess } from './collective/collective.ts'
export { runWorkers } from './collective/in-process.ts'
export { type ClipLossOptions, clipLoss } from './contrastive/clip-loss.ts'
export type { ContrastiveFeatures, WorkerFeatures } from './contrastive/features.ts'
export type { PairOptions } from './contrastive/labels.ts'
export { LOGIT_SCALE_RANGE } from './contrastive/logit-scale.ts'
export { type SigLipLossOptions, sigLipLoss } from './contrastive/siglip-loss.ts'
