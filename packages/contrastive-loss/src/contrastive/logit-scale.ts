// The learned temperature: a logarithm, kept within bounds (CLIP, arXiv:2103.00020, section 2.5).

import { clipByValue, exp, InvalidArgumentError, reshape, type Tensor } from '@ps3js/tensor'

/** Least and greatest logarithm of the scale: logits are multiplied by 1 to 100. */
export const LOGIT_SCALE_RANGE: readonly [number, number] = [0, Math.log(100)]

/** exp of the logarithm within its range. Outside, the gradient is zero: clamp the parameter after each step. */
export function scaleOf(loss: string, logitScale: Tensor): Tensor {
  return exp(clipByValue(scalarOf(loss, 'logitScale', logitScale), ...LOGIT_SCALE_RANGE))
}

/** A tensor of one value as a scalar. */
export function scalarOf(loss: string, name: string, x: Tensor): Tensor {
  if (x.size !== 1) throw new InvalidArgumentError(`${loss}: ${name} is [${x.shape}], expected one value`)
  return reshape(x, [])
}
