// Gradient clipping by global norm (Pascanu et al., arXiv:1211.5063), as PyTorch's clip_grad_norm_ does it.

import { add, clipByValue, div, mul, sqrt, square, stack, sum, type Tensor, tidy } from '@ps3js/tensor'

/** The length of all gradients as one vector; a scalar. */
export function globalNorm(gradients: ReadonlyMap<string, Tensor>): Tensor {
  return tidy(() => sqrt(sum(stack([...gradients.values()].map((g) => sum(square(g)))))))
}

/**
 * Gradients scaled down together to a global norm of at most `maxNorm`; the given ones are freed.
 * `norm` is the one before, a scalar to dispose.
 */
export function clipGradients(
  gradients: ReadonlyMap<string, Tensor>,
  maxNorm: number,
): { gradients: Map<string, Tensor>; norm: Tensor } {
  const norm = globalNorm(gradients)
  // PyTorch's guard against a division by zero.
  const factor = tidy(() => clipByValue(div(maxNorm, add(norm, 1e-6)), 0, 1))
  const clipped = new Map<string, Tensor>()
  for (const [path, gradient] of gradients) {
    clipped.set(path, mul(gradient, factor))
    gradient.dispose()
  }
  factor.dispose()
  return { gradients: clipped, norm }
}
