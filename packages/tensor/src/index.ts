// @ps3js/tensor: the backend-agnostic interface that every other package computes with.

export * from './errors.ts'
export * from './random.ts'
export * from './tf.ts'
