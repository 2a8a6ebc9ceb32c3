// y = x W^T + b with PyTorch's weight layout, over any number of leading axes.

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { add, matMul, reshape, sum, tidy } from '../tf.ts'
import { checkShape } from './check.ts'
import { biasGelu, type GeluApproximation } from './gelu.ts'
import { FEW_ROWS, fusedKernel } from './kernel.ts'
import { linearPrecision, projectBf16 } from './linear-precision.ts'

export type { GeluApproximation } from './gelu.ts'

/** x [..., in], weight [out, in], bias [out] -> [..., out] */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  check('linear', x, weight, bias)
  if (hasFewRows(x, weight)) {
    return tidy(() => withShapeOf(x, fewRows(asRows(x), weight, bias)))
  }
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
  const rows = asRows(x)
  const y = linearPrecision() === 'bf16' ? projectBf16(rows, weight) : matMul(rows, weight, false, true)
  return withShapeOf(x, y)
}

const hasFewRows = (x: Tensor, weight: Tensor): boolean =>
  x.size <= FEW_ROWS * weight.shape[1]! && linearPrecision() !== 'bf16' && fusedKernel('PS3FewRows') !== null

/** x [R, in], weight [out, in], bias [out] -> [R, out] */
function fewRows(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return customGrad((...args: unknown[]) => {
    const save = args[args.length - 1] as (saved: Tensor[]) => void
    const [rows, w, b] = args.slice(0, -1) as [Tensor, Tensor, Tensor?]
    save([rows, w])
    return {
      value: fusedKernel('PS3FewRows')!({ x: rows, weight: w, ...(b && { bias: b }) }, {}),
      gradFunc: (dy: Tensor, [savedRows, savedWeight]: Tensor[]) => [
        matMul(dy, savedWeight!),
        matMul(dy, savedRows!, true, false),
        ...(bias ? [sum(dy, 0)] : []),
      ],
    }
  })(...(bias ? [x, weight, bias] : [x, weight]))
}

/** [..., in] -> [R, in] */
const asRows = (x: Tensor): Tensor => (x.rank === 2 ? x : reshape(x, [-1, x.shape[x.rank - 1]!]))

/** [R, out] -> [..., out], with x's leading axes. */
const withShapeOf = (x: Tensor, y: Tensor): Tensor =>
  x.rank === 2 ? y : reshape(y, [...x.shape.slice(0, -1), y.shape[1]!])

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
