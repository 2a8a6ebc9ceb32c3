// y = x W^T + b with PyTorch's weight layout, over any number of leading axes.

import type { Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { add, matMul, reshape, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { biasGelu, type GeluApproximation } from './gelu.ts'
import { linearPrecision, projectBf16 } from './linear-precision.ts'

export type { GeluApproximation } from './gelu.ts'

/** x [..., in], weight [out, in], bias [out] -> [..., out] */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  check('linear', x, weight, bias)
  return tidy(() => {
    const y = project(x, weight)
    return bias ? add(y, bias) : y
  })
}

/** gelu(x W^T + b), with bias and GELU in one pass where the backend can. */
export function linearGelu(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  approximate: GeluApproximation = 'none',
): Tensor {
  check('linearGelu', x, weight, bias)
  return tidy(() => biasGelu(project(x, weight), bias, approximate))
}

function project(x: Tensor, weight: Tensor): Tensor {
  const [outFeatures, inFeatures] = weight.shape as [number, number]
  const rows = reshape(x, [-1, inFeatures])
  const y = linearPrecision() === 'bf16' ? projectBf16(rows, weight) : matMul(rows, weight, false, true)
  return reshape(y, [...x.shape.slice(0, -1), outFeatures])
}

// All of it before the first op: what a tape has kept by the time something throws is never freed.
function check(op: string, x: Tensor, weight: Tensor, bias?: Tensor): void {
  checkShape(op, 'weight', weight, ['out', 'in'])
  const [outFeatures, inFeatures] = weight.shape as [number, number]
  const last = x.shape[x.rank - 1]
  if (last !== inFeatures) {
    throw new InvalidArgumentError(
      `${op}: input of width ${last} does not fit a weight of ${outFeatures}x${inFeatures}`,
    )
  }
  if (bias) checkShape(op, 'bias', bias, [outFeatures])
}
