// Every tfjs op that the models run through, with inputs to try it on. No test runner is imported here: the
// same table runs in Node and inside a page of a real browser.
import { depthwiseConv2d } from '@tensorflow/tfjs-core'
import {
  abs,
  add,
  addN,
  broadcastTo,
  cast,
  clipByValue,
  concat,
  cos,
  div,
  elu,
  erf,
  exp,
  gather,
  log,
  log1p,
  logSigmoid,
  logSoftmax,
  logSumExp,
  matMul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  neg,
  norm,
  oneHot,
  pad,
  pow,
  reciprocal,
  relu,
  reshape,
  rsqrt,
  sigmoid,
  sin,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  square,
  squaredDifference,
  stack,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tanh,
  tensor1d,
  tile,
  transpose,
  unsortedSegmentSum,
  unstack,
  where,
} from '../src/index.ts'

export interface OpInput {
  shape: number[]
  /** Values are drawn uniformly from [low, high]; defaults -1.5 and 1.5. */
  low?: number
  high?: number
  /** Values with a kink in the op's derivative: drawn values keep 0.05 away, so that a difference sees one side. */
  avoid?: number[]
}

export interface OpCase {
  name: string
  inputs: OpInput[]
  run: (...inputs: Tensor[]) => Tensor
  /** Where WGSL promises less than the usual tolerance: its absolute error. */
  wgslError?: number
}

const unary = (name: string, op: (x: Tensor) => Tensor, input: Partial<OpInput> = {}): OpCase => ({
  name,
  inputs: [{ shape: [2, 7], ...input }],
  run: op,
})
const pair = (name: string, op: (a: Tensor, b: Tensor) => Tensor, a: number[], b: number[]): OpCase => ({
  name,
  inputs: [{ shape: a }, { shape: b, low: 0.5, high: 1.5 }],
  run: op,
})
const positive = { low: 0.4, high: 2 }
const ids = (...values: number[]) => tensor1d(values, 'int32')
// Far enough from each other that a finite difference does not change which is the largest.
const spread = { low: -3, high: 3 }

// The WGSL specification allows sin and cos within [-pi, pi] an absolute error of 2^-11.
const WGSL_SIN_COS = 2 ** -11

export const OPS: OpCase[] = [
  unary('abs', abs, { avoid: [0] }),
  pair('add', add, [2, 3, 4], [2, 3, 4]),
  pair('add, broadcast', add, [2, 3, 4], [4]),
  pair('add, both sides broadcast', add, [3, 1], [1, 4]),
  {
    name: 'addN',
    inputs: [{ shape: [2, 3] }, { shape: [2, 3] }, { shape: [2, 3] }],
    run: (a, b, c) => addN([a, b, c]),
  },
  unary('broadcastTo', (x) => broadcastTo(x, [3, 2, 7])),
  unary('cast of an integer factor', (x) => mul(x, cast(ids(1, 0, 3, -1, 2, 5, 4), 'float32'))),
  unary('clipByValue', (x) => clipByValue(x, -0.7, 0.8), { avoid: [-0.7, 0.8] }),
  pair('concat, last axis', (a, b) => concat([a, b], -1), [2, 3, 2], [2, 3, 4]),
  pair('concat, first axis', (a, b) => concat([a, b], 0), [1, 3], [2, 3]),
  { ...unary('cos', cos), wgslError: WGSL_SIN_COS },
  {
    name: 'depthwiseConv2d, same padding',
    inputs: [{ shape: [2, 5, 4, 3] }, { shape: [3, 3, 3, 1] }],
    run: (x, filter) => depthwiseConv2d(x as Tensor4D, filter as Tensor4D, 1, 'same'),
  },
  {
    name: 'depthwiseConv2d, valid, stride 2, two outputs per channel',
    inputs: [{ shape: [1, 6, 7, 2] }, { shape: [2, 3, 2, 2] }],
    run: (x, filter) => depthwiseConv2d(x as Tensor4D, filter as Tensor4D, 2, 'valid'),
  },
  pair('div', div, [2, 3, 4], [3, 1]),
  unary('elu', elu, { avoid: [0] }),
  unary('erf', erf, { low: -3, high: 3 }),
  unary('exp', exp),
  unary('gather, first axis, repeated and missing rows', (x) => gather(x, ids(3, 0, 3, 1)), {
    shape: [5, 3],
  }),
  unary('gather, middle axis', (x) => gather(x, ids(2, 2, 0), 1), { shape: [2, 4, 3] }),
  unary('log', log, positive),
  unary('log1p', log1p, positive),
  unary('logSigmoid', logSigmoid),
  unary('logSoftmax', (x) => logSoftmax(x)),
  unary('logSumExp', (x) => logSumExp(x, -1)),
  pair('matMul', (a, b) => matMul(a, b), [3, 4], [4, 5]),
  pair('matMul, a transposed', (a, b) => matMul(a, b, true), [4, 3], [4, 5]),
  pair('matMul, b transposed', (a, b) => matMul(a, b, false, true), [3, 4], [5, 4]),
  pair('matMul, both transposed', (a, b) => matMul(a, b, true, true), [4, 3], [5, 4]),
  pair('matMul, rank 4 batch', (a, b) => matMul(a, b, false, true), [2, 2, 3, 4], [2, 2, 5, 4]),
  pair('matMul, batch broadcast', (a, b) => matMul(a, b), [2, 3, 4], [1, 4, 5]),
  pair('matMul, batch broadcast of lower rank', (a, b) => matMul(a, b), [3, 4], [2, 2, 4, 5]),
  unary('max', (x) => max(x, -1), spread),
  pair('maximum', (a, b) => maximum(a, b), [2, 3], [2, 3]),
  pair('maximum, broadcast', (a, b) => maximum(a, b), [2, 3], [3]),
  unary('mean, last axis', (x) => mean(x, -1, true)),
  unary('mean, inner axes', (x) => mean(x, [1, 2]), { shape: [2, 3, 2, 2] }),
  unary('mean, all', (x) => mean(x)),
  unary('min', (x) => min(x, 0), spread),
  pair('minimum', (a, b) => minimum(a, b), [2, 3], [2, 1]),
  pair('mul', mul, [2, 3, 4], [2, 1, 4]),
  unary('neg', neg),
  unary('norm', (x) => norm(x, 2, -1, true), positive),
  pair('oneHot', (a, b) => matMul(cast(oneHot(ids(2, 0, 1), 3), 'float32'), add(a, b)), [3, 4], [3, 4]),
  unary('pad', (x) => pad(x, [[1, 0], [2, 1]], 0.5)), // biome-ignore format: pairs of before and after
  unary('pad, rank 4', (x) => pad(x, [[0, 0], [1, 2], [1, 0], [0, 0]]), { shape: [1, 2, 3, 2] }), // biome-ignore format: pairs
  pair('pow', (a, b) => pow(add(a, 2), b), [2, 3], [2, 3]),
  unary('reciprocal', reciprocal, positive),
  unary('relu', relu, { avoid: [0] }),
  unary('reshape', (x) => reshape(square(x), [7, 2])),
  unary('rsqrt', rsqrt, positive),
  unary('sigmoid', sigmoid, { low: -4, high: 4 }),
  { ...unary('sin', sin), wgslError: WGSL_SIN_COS },
  unary('slice', (x) => slice(x, [0, 1, 1], [2, 2, -1]), { shape: [2, 3, 4] }),
  unary('softmax', (x) => softmax(x)),
  unary('softplus', softplus, { low: -4, high: 4 }),
  unary('split', (x) => mul(...(split(x, 2, 1) as [Tensor, Tensor])), { shape: [3, 4] }),
  unary('split, uneven', (x) => concat([...split(x, [1, 3, 2], 1)].reverse(), 1), { shape: [2, 6] }),
  unary('sqrt', sqrt, positive),
  unary('square', square),
  pair('squaredDifference', squaredDifference, [2, 3], [3]),
  pair('stack', (a, b) => stack([a, b], 1), [2, 3], [2, 3]),
  pair('sub', sub, [2, 3, 4], [3, 4]),
  unary('sum, first axis', (x) => sum(x, 0)),
  unary('sum, outer axes', (x) => sum(x, [0, 2], true), { shape: [2, 3, 4] }),
  unary('tanh', tanh),
  unary('tile', (x) => tile(x, [2, 3])),
  unary('transpose, rank 2', (x) => transpose(x)),
  unary('transpose, rank 3', (x) => transpose(x, [2, 0, 1]), { shape: [2, 3, 4] }),
  unary('transpose, rank 4', (x) => transpose(x, [0, 2, 1, 3]), { shape: [2, 3, 2, 4] }),
  unary('transpose, rank 5', (x) => transpose(x, [2, 0, 3, 1, 4]), { shape: [2, 2, 3, 2, 3] }),
  unary('unsortedSegmentSum', (x) => unsortedSegmentSum(x, ids(1, 0, 1, 3) as Tensor1D, 5), {
    shape: [4, 3],
  }),
  unary('unstack', (x) => addN(unstack(square(x), 1)), { shape: [2, 3, 4] }),
  {
    name: 'where',
    inputs: [{ shape: [4] }, { shape: [4] }],
    run: (a, b) => where(cast(tensor1d([1, 0, 0, 1], 'int32'), 'bool'), a, b),
  },
]
