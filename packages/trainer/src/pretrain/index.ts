export type { PretrainBatch } from './batch.ts'
export { type BlockRunner, checkpointedBlocks, plainBlocks } from './blocks.ts'
export { type ForwardOptions, type ForwardOutput, pretrainForward } from './forward.ts'
export {
  type LossWeights,
  type PretrainLosses,
  type PretrainOptions,
  type PretrainStep,
  pretrainStep,
} from './step.ts'
export { PretrainTask } from './task.ts'
