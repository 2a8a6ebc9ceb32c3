// The gradient of x W^T in bfloat16: two more products in bfloat16. Each is computed only where it is asked for.
import { engine, type GradConfig, type Tensor } from '@tensorflow/tfjs-core'

const kernelName = 'PS3MatMulBf16'

function multiply(a: Tensor, b: Tensor, transposeA: boolean): Tensor {
  return engine().runKernel(kernelName, { a, b }, { transposeA, transposeB: false }) as Tensor
}

/** For a [M, K] and b [N, K], as linear layers have them. */
export const matMulBf16GradConfig: GradConfig = {
  kernelName,
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as [Tensor, Tensor]
    return { a: () => multiply(dy as Tensor, b, false), b: () => multiply(dy as Tensor, a, true) }
  },
}
