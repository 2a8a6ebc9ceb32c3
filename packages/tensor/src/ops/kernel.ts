// Kernels of our own live in tfjs's registry under these names. A backend that has one is faster; every other backend
// computes the same from plain ops. Gradients belong to the op, not to the kernel.

import { engine, getKernel, type Tensor } from '@tensorflow/tfjs-core'
import { getBackend } from '../tf.ts'

export type FusedKernelName =
  | 'PS3SelfAttention'
  | 'PS3SelfAttentionGrad'
  | 'PS3Attention'
  | 'PS3LayerNorm'
  | 'PS3LayerNormGrad'
  | 'PS3BiasGelu'
  | 'PS3BiasGeluGrad'
  | 'PS3RmsNorm'
  | 'PS3SiluMul'
  | 'PS3Rotary'
  | 'PS3DecoderLayer'
  | 'PS3FewRows'
  | 'PS3PackedRows'
  | 'PS3UnpackRows'
  | 'PS3AdamW'
  | 'PS3ResizedPatches'

/** Up to so many rows the weights' way through memory is what takes time, and kernels of our own go that way once. */
export const FEW_ROWS = 8

let fusedEnabled = true

/** Runs `body` with plain ops only: how a fused kernel is proved against them. */
export function withPlainOps<T>(body: () => T): T {
  const before = fusedEnabled
  fusedEnabled = false
  try {
    return body()
  } finally {
    fusedEnabled = before
  }
}

/** The current backend's fused kernel, or null where plain ops must serve. Kernels with several outputs give a list. */
export function fusedKernel<Output extends Tensor | Tensor[] = Tensor>(
  name: FusedKernelName,
): ((inputs: Record<string, Tensor>, attrs: Record<string, unknown>) => Output) | null {
  if (!fusedEnabled || !getKernel(name, getBackend())) return null
  return (inputs, attrs) => engine().runKernel(name, inputs, attrs as never) as Output
}
