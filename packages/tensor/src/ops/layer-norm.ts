// LayerNorm over the last axis (Ba et al., arXiv:1607.06450), with its gradient.

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { add, mean, mul, reshape, rsqrt, split, square, sub, sum, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { fusedKernel } from './kernel.ts'

/** x [..., C], weight [C], bias [C] -> [..., C] */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const width = x.shape[x.rank - 1] ?? 'C'
  checkShape('layerNorm', 'weight', weight, [width])
  checkShape('layerNorm', 'bias', bias, [width])
  return customGrad((...args: unknown[]) => {
    const [input, w, b, save] = args as [Tensor, Tensor, Tensor, (saved: Tensor[]) => void]
    const fused = fusedKernel('PS3LayerNorm')
    const value = fused ? fused({ x: input, weight: w, bias: b }, { eps }) : plain(input, w, b, eps)
    save([input, w])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => gradient(dy, saved[0]!, saved[1]!, eps),
    }
  })(x, weight, bias)
}

function plain(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return tidy(() => {
    const centred = sub(x, mean(x, -1, true))
    const inverse = rsqrt(add(mean(square(centred), -1, true), eps))
    return add(mul(mul(centred, inverse), weight), bias)
  })
}

/** Of x, weight and bias. */
function gradient(dy: Tensor, x: Tensor, weight: Tensor, eps: number): Tensor[] {
  const width = weight.size
  const fused = fusedKernel<Tensor[]>('PS3LayerNormGrad')
  if (fused) {
    const [dx, sums] = fused({ dy, x, weight }, { eps }) as [Tensor, Tensor]
    const [dWeight, dBias] = split(sums, 2, 0) as [Tensor, Tensor]
    return [dx, reshape(dWeight, [width]), reshape(dBias, [width])]
  }
  const centred = sub(x, mean(x, -1, true))
  const inverse = rsqrt(add(mean(square(centred), -1, true), eps))
  const normalized = mul(centred, inverse)
  const g = mul(dy, weight)
  const projected = mul(normalized, mean(mul(g, normalized), -1, true))
  const dx = mul(inverse, sub(sub(g, mean(g, -1, true)), projected))
  const rows = [-1, width]
  return [dx, sum(reshape(mul(dy, normalized), rows), 0), sum(reshape(dy, rows), 0)]
}
