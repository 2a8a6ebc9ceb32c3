// Mixed precision (Micikevicius et al., arXiv:1710.03740, in kind): what linear layers multiply in. Everything else, and
// every tensor between two ops, stays float32.

import { engine, getKernel, type Tensor } from '@tensorflow/tfjs-core'
import { BackendError } from '../errors.ts'
import { getBackend } from '../tf.ts'

/** 'bf16' keeps float32's range and 8 of its 24 bits. */
export type LinearPrecision = 'float32' | 'bf16'

const KERNEL = 'PS3MatMulBf16'

let current: LinearPrecision = 'float32'

/** Whether the current backend multiplies in bfloat16. */
export const supportsBf16 = (): boolean => getKernel(KERNEL, getBackend()) !== undefined

/**
 * Runs `body`, whose `linear` and `linearGelu` multiply in `precision`, in their gradients too.
 * @throws BackendError where the current backend cannot
 */
export function withLinearPrecision<T>(precision: LinearPrecision, body: () => T): T {
  if (precision === 'bf16' && !supportsBf16()) {
    throw new BackendError(
      `the backend '${getBackend()}' does not multiply in bf16: take node or node-gpu, or float32`,
    )
  }
  const before = current
  current = precision
  try {
    return body()
  } finally {
    current = before
  }
}

export const linearPrecision = (): LinearPrecision => current

/** x W^T in bfloat16, as a float32 tensor: x [M, K], weight [N, K] -> [M, N]. */
export function projectBf16(x: Tensor, weight: Tensor): Tensor {
  const attributes = { transposeA: false, transposeB: true }
  return engine().runKernel(KERNEL, { a: x, b: weight }, attributes) as Tensor
}
