export {
  type EvaluatedModel,
  type EvaluateOptions,
  type Evaluation,
  type EvaluationSample,
  evaluate,
} from './evaluate.ts'
export type { RetrievalMetrics } from './retrieval.ts'
export { boxRecall, type SelectionCase, type SelectionRecall } from './selection-recall.ts'
export { evaluationScalars, percent } from './summary.ts'
export type { ZeroShotMetrics } from './zero-shot.ts'
