// @ps3js/trainer: pre-trains PS3 and fine-tunes VILA-HD: optimiser, schedules, exact resume, logs and evaluation.

export { shardEvaluationSamples } from '#platform'
export * from './evaluate/index.ts'
export * from './finetune/index.ts'
export * from './optim/index.ts'
export * from './pretrain/index.ts'
export * from './run/index.ts'
