// @ps3js/trainer: pre-trains PS3: optimiser, schedules, exact resume, logs and evaluation.

export * from './optim/index.ts'
export * from './pretrain/index.ts'
