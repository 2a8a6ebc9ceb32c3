// Segment checkpointing (Chen et al., arXiv:1604.06174): forget what a segment computed on the way forward, and
// compute it again when its gradient is asked for.

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { engine, tidy, zerosLike } from '../tf.ts'
import { linearPrecision, withLinearPrecision } from './linear-precision.ts'

/**
 * Runs `segment(...inputs)` without keeping its inner results. `parameters` are the trainable tensors that the segment
 * reads besides its inputs: only what is named here or passed in receives a gradient.
 */
export function checkpoint<Inputs extends Tensor[]>(
  segment: (...inputs: Inputs) => Tensor,
  inputs: Inputs,
  parameters: Tensor[],
): Tensor {
  const count = inputs.length
  return customGrad((...args: unknown[]) => {
    const save = args[args.length - 1] as (saved: Tensor[]) => void
    const tensors = args.slice(0, -1) as Tensor[]
    const precision = linearPrecision()
    const value = tidy(() => segment(...(tensors.slice(0, count) as Inputs)))
    // Last, as in every op here: what is saved when something throws stays forever.
    save(tensors.slice(0, count))
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const again = saved.slice(0, count) as Inputs
        return nestedGradients(
          () => withLinearPrecision(precision, () => segment(...again)),
          [...again, ...parameters],
          dy,
        )
      },
    }
  })(...inputs, ...parameters)
}

/** Gradients inside a gradient. tfjs drops the outer tape when an inner one ends, so it is put back. */
function nestedGradients(forward: () => Tensor, xs: Tensor[], dy: Tensor): Tensor[] {
  const { state } = engine()
  const outer = state.activeTape
  try {
    // Parameters that the segment does not read have no path to the output: tfjs gives null there, and zeros are wanted.
    const { grads } = engine().gradients(forward, xs, dy, true)
    return grads.map((g, i) => g ?? zerosLike(xs[i]!))
  } finally {
    state.activeTape = outer
  }
}
