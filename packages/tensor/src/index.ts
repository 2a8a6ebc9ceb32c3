// @ps3js/tensor: the backend-agnostic interface that every other package computes with.

export { installNative, nativeStatus } from '#platform'
export * from './backend/index.ts'
export * from './errors.ts'
export type { InstallOptions, InstallProgress, NativeStatus, NativeVariantStatus } from './native/index.ts'
export * from './nn/index.ts'
export * from './ops/index.ts'
export * from './pretrained/index.ts'
export * from './random.ts'
export * from './safetensors/index.ts'
export * from './scope.ts'
export * from './tape.ts'
export * from './tf.ts'
