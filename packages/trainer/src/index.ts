// @ps3js/trainer: pre-trains PS3: optimiser, schedules, exact resume, logs and evaluation.

export {}
