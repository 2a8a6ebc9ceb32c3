// The gate of SwiGLU (Shazeer, arXiv:2002.05202): silu(gate) * up, silu(x) = x * sigmoid(x).

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { add, mul, sigmoid, sub, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { fusedKernel } from './kernel.ts'

/** Two of one shape -> the same shape. */
export function siluMul(gate: Tensor, up: Tensor): Tensor {
  checkShape('siluMul', 'up', up, gate.shape)
  return customGrad((...args: unknown[]) => {
    const [g, u, save] = args as [Tensor, Tensor, (saved: Tensor[]) => void]
    const fused = fusedKernel('PS3SiluMul')
    const value = fused ? fused({ gate: g, up: u }, {}) : tidy(() => mul(mul(g, sigmoid(g)), u))
    save([g, u])
    return { value, gradFunc: (dy: Tensor, saved: Tensor[]) => gradient(dy, saved[0]!, saved[1]!) }
  })(gate, up)
}

function gradient(dy: Tensor, gate: Tensor, up: Tensor): Tensor[] {
  const s = sigmoid(gate)
  const silu = mul(gate, s)
  return [mul(mul(dy, up), add(s, mul(silu, sub(1, s)))), mul(dy, silu)]
}
