// One parameter's step of AdamW (Loshchilov & Hutter, arXiv:1711.05101) with PyTorch's arithmetic. No gradient: what it
// makes is not differentiated.

import type { Tensor } from '@tensorflow/tfjs-core'
import { add, div, mul, sqrt, square, sub, tensor1d, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { fusedKernel } from './kernel.ts'

export interface AdamWStepOptions {
  learningRate: number
  beta1: number
  beta2: number
  epsilon: number
  /** Decoupled: the parameter is first multiplied by 1 - learningRate * weightDecay. */
  weightDecay: number
  /** Counts from 1. */
  step: number
}

/** Four tensors of one shape -> the new parameter, mean and mean square. */
export function adamWStep(
  parameter: Tensor,
  gradient: Tensor,
  mean: Tensor,
  meanSquare: Tensor,
  { learningRate, beta1, beta2, epsilon, weightDecay, step }: AdamWStepOptions,
): [Tensor, Tensor, Tensor] {
  for (const [name, x] of Object.entries({ gradient, mean, meanSquare })) {
    checkShape('adamWStep', name, x, parameter.shape)
  }
  const size = learningRate / (1 - beta1 ** step)
  const correction = 1 / Math.sqrt(1 - beta2 ** step)
  const decay = 1 - learningRate * weightDecay
  return tidy(() => {
    const fused = fusedKernel<[Tensor, Tensor, Tensor]>('PS3AdamW')
    if (fused) {
      const factors = tensor1d([decay, size, beta1, beta2, correction, epsilon])
      return fused({ parameter, gradient, mean, meanSquare, factors }, {})
    }
    const m = add(mul(mean, beta1), mul(gradient, 1 - beta1)) as Tensor
    const v = add(mul(meanSquare, beta2), mul(square(gradient), 1 - beta2)) as Tensor
    const change = div(mul(m, size), add(mul(sqrt(v), correction), epsilon))
    return [sub(mul(parameter, decay), change) as Tensor, m, v]
  })
}
