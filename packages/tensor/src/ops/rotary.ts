// Rotary position embedding in the halves layout (Su et al., arXiv:2104.09864). T tokens, D width of a head.

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { add, concat, mul, neg, reshape, split, sub, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { fusedKernel } from './kernel.ts'

/**
 * Turns element i of every head with element i + D / 2 by its token's angle i.
 *
 * @param x heads side by side: [T, heads * D]
 * @param cos cosines of the angles, [T, D / 2]; like `sin`, not differentiated
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  checkShape('rotary', 'x', x, ['T', 'C'])
  const [tokens, width] = x.shape as [number, number]
  checkShape('rotary', 'cos', cos, [tokens, 'D / 2'])
  checkShape('rotary', 'sin', sin, cos.shape)
  if (width % (2 * cos.shape[1]!) !== 0) {
    throw new InvalidArgumentError(
      `rotary: width ${width} must be a multiple of a head's ${2 * cos.shape[1]!}, twice the angles`,
    )
  }
  return customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (saved: Tensor[]) => void]
    save([cos, sin])
    return {
      value: turn(input, cos, sin),
      gradFunc: (dy: Tensor, saved: Tensor[]) => turn(dy, saved[0]!, neg(saved[1]!)),
    }
  })(x)
}

function turn(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const fused = fusedKernel('PS3Rotary')
  if (fused) return fused({ x, cos, sin }, {})
  return tidy(() => {
    const [tokens, half] = cos.shape as [number, number]
    const byHead = reshape(x, [tokens, -1, 2 * half])
    const [a, b] = split(byHead, 2, 2) as [Tensor, Tensor]
    const [c, s] = [cos, sin].map((table) => reshape(table, [tokens, 1, half])) as [Tensor, Tensor]
    return reshape(concat([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], 2), x.shape)
  })
}
