export { type AdamWStepOptions, adamWStep } from './adamw-step.ts'
export { adaptiveMaxPool } from './adaptive-max-pool.ts'
export {
  ATTENTION_CHUNK_BYTES,
  type AttentionOptions,
  attention,
  type SelfAttentionOptions,
  selfAttention,
} from './attention.ts'
export { checkpoint } from './checkpoint.ts'
export { depthwiseConv2d } from './depthwise-conv.ts'
export { gatherRows, scatterRows } from './gather.ts'
export { biasGelu, type GeluApproximation, gelu } from './gelu.ts'
export { type InterpolationMode, interpolate, nearestIndex, resampleWeights } from './interpolate.ts'
export { withPlainOps } from './kernel.ts'
export { layerNorm } from './layer-norm.ts'
export { linear, linearGelu } from './linear.ts'
export { type LinearPrecision, supportsBf16, withLinearPrecision } from './linear-precision.ts'
export { l2Normalize } from './normalize.ts'
export { type ResizedPatchesOptions, type ResizeTaps, resizedPatches } from './resized-patches.ts'
export { rmsNorm } from './rms-norm.ts'
export { rotary } from './rotary.ts'
export { siluMul } from './silu-mul.ts'
export { stableTopK, topK } from './top-k.ts'
export { unfold } from './unfold.ts'
