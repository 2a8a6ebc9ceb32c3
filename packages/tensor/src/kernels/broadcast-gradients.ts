// Gradients of ops whose operands broadcast. tfjs's own for these four give gradients of the result's shape back,
// which its tape then refuses.
import { broadcast_util, type GradConfig, reshape, sum, type Tensor, tidy } from '@tensorflow/tfjs-core'
import { batchMatMulGradConfig } from '@tensorflow/tfjs-core/dist/gradients/BatchMatMul_grad.js'
import { maximumGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Maximum_grad.js'
import { minimumGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Minimum_grad.js'
import { squaredDifferenceGradConfig } from '@tensorflow/tfjs-core/dist/gradients/SquaredDifference_grad.js'

export const broadcastGradConfigs: GradConfig[] = [
  batchMatMulGradConfig,
  maximumGradConfig,
  minimumGradConfig,
  squaredDifferenceGradConfig,
].map(reduced)

/** The same gradient, summed over the dimensions along which an operand was repeated. */
function reduced(config: GradConfig): GradConfig {
  return {
    ...config,
    gradFunc: (dy, saved, attrs) => {
      const [a, b] = saved as [Tensor, Tensor]
      const { a: gradientA, b: gradientB } = config.gradFunc(dy, saved, attrs)
      return { a: () => reduceTo(gradientA!(), a.shape), b: () => reduceTo(gradientB!(), b.shape) }
    },
  }
}

function reduceTo(gradient: Tensor, shape: number[]): Tensor {
  if (gradient.shape.length === shape.length && gradient.shape.every((size, axis) => size === shape[axis])) {
    return gradient
  }
  const axes = broadcast_util.getReductionAxes(shape, gradient.shape)
  return tidy(() => reshape(sum(gradient, axes), shape))
}
