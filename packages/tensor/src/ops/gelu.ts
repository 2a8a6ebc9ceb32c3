// GELU, exact and with the tanh approximation (Hendrycks & Gimpel, arXiv:1606.08415), after an optional bias.

import { customGrad, erf, type Tensor } from '@tensorflow/tfjs-core'
import { add, exp, mul, reshape, square, sub, sum, tanh, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { fusedKernel } from './kernel.ts'

/** 'none' is the exact GELU, x * Phi(x); 'tanh' the approximation, as in PyTorch. */
export type GeluApproximation = 'none' | 'tanh'

const SQRT_1_2 = Math.SQRT1_2
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI)
const CUBIC = 0.044715

/** x [...] -> [...] */
export function gelu(x: Tensor, approximate: GeluApproximation = 'none'): Tensor {
  return customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (saved: Tensor[]) => void]
    const value = geluForward(input, approximate)
    save([input])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => mul(dy, geluDerivative(saved[0]!, approximate)),
    }
  })(x)
}

/** gelu(x + bias) in one pass where the backend can. x [..., C], bias [C] -> [..., C] */
export function biasGelu(x: Tensor, bias: Tensor, approximate: GeluApproximation = 'none'): Tensor {
  checkShape('biasGelu', 'bias', bias, [x.shape[x.rank - 1] ?? 'C'])
  const fused = fusedKernel('PS3BiasGelu')
  if (!fused) return tidy(() => gelu(add(x, bias), approximate))
  return customGrad((...args: unknown[]) => {
    const [input, b, save] = args as [Tensor, Tensor, (saved: Tensor[]) => void]
    const value = fused({ x: input, bias: b }, { approximate })
    save([input, b])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedX, savedBias] = saved as [Tensor, Tensor]
        const backward = fusedKernel<Tensor[]>('PS3BiasGeluGrad')
        if (backward) return backward({ dy, x: savedX, bias: savedBias }, { approximate })
        const dx = mul(dy, geluDerivative(add(savedX, savedBias), approximate))
        return [dx, sum(reshape(dx, [-1, savedBias.size]), 0)]
      },
    }
  })(x, bias)
}

function geluForward(x: Tensor, approximate: GeluApproximation): Tensor {
  return tidy(() =>
    mul(mul(x, 0.5), add(1, approximate === 'none' ? erf(mul(x, SQRT_1_2)) : tanh(tanhArgument(x)))),
  )
}

function geluDerivative(x: Tensor, approximate: GeluApproximation): Tensor {
  return tidy(() => {
    if (approximate === 'none') {
      const cdf = mul(0.5, add(1, erf(mul(x, SQRT_1_2))))
      const pdf = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return add(cdf, mul(x, pdf))
    }
    const t = tanh(tanhArgument(x))
    const slope = mul(add(mul(square(x), 3 * CUBIC), 1), SQRT_2_OVER_PI)
    return add(mul(0.5, add(1, t)), mul(mul(mul(x, 0.5), sub(1, square(t))), slope))
  })
}

function tanhArgument(x: Tensor): Tensor {
  return mul(mul(x, add(mul(square(x), CUBIC), 1)), SQRT_2_OVER_PI)
}
