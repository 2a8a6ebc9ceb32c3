// RMSNorm over the last axis (Zhang & Sennrich, arXiv:1910.07467), with its gradient.

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { add, mean, mul, reshape, rsqrt, square, sub, sum, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { fusedKernel } from './kernel.ts'

/** x [..., C], weight [C] -> [..., C] */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  checkShape('rmsNorm', 'weight', weight, [x.shape[x.rank - 1] ?? 'C'])
  return customGrad((...args: unknown[]) => {
    const [input, w, save] = args as [Tensor, Tensor, (saved: Tensor[]) => void]
    const fused = fusedKernel('PS3RmsNorm')
    const value = fused
      ? fused({ x: input, weight: w }, { eps })
      : tidy(() => mul(mul(input, inverseSize(input, eps)), w))
    save([input, w])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => gradient(dy, saved[0]!, saved[1]!, eps),
    }
  })(x, weight)
}

const inverseSize = (x: Tensor, eps: number) => rsqrt(add(mean(square(x), -1, true), eps))

/** Of x and weight. */
function gradient(dy: Tensor, x: Tensor, weight: Tensor, eps: number): Tensor[] {
  const inverse = inverseSize(x, eps)
  const normalized = mul(x, inverse)
  const g = mul(dy, weight)
  const dx = mul(inverse, sub(g, mul(normalized, mean(mul(g, normalized), -1, true))))
  return [dx, sum(reshape(mul(dy, normalized), [-1, weight.size]), 0)]
}
