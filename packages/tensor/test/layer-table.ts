// The ops of `src/ops`, each with its float64 reference and inputs to try it on. As in op-table.ts, no test
// runner is imported: the table runs in Node and inside a page.
import {
  adaptiveMaxPool,
  add,
  attention,
  biasGelu,
  checkpoint,
  depthwiseConv2d,
  gatherRows,
  gelu,
  type InterpolationMode,
  interpolate,
  l2Normalize,
  layerNorm,
  linear,
  linearGelu,
  rmsNorm,
  rotary,
  scatterRows,
  selfAttention,
  siluMul,
  type Tensor,
  tensor,
  unfold,
} from '../src/index.ts'
import type { Values } from './float64.ts'
import * as reference from './float64.ts'
import * as maps from './float64-maps.ts'
import type { OpCase, OpInput } from './op-table.ts'

export interface LayerCase extends OpCase {
  reference: (...inputs: Values[]) => Values
  /** Gradients of the output's weighted sum, where the reference has a kink and a difference would see both sides. */
  gradients?: (inputs: Values[], weights: Values) => Values[]
  /** Values to use instead of drawn ones. */
  values?: number[][]
}

const shape = (...sizes: number[]): OpInput => ({ shape: sizes })
const wide = (...sizes: number[]): OpInput => ({ shape: sizes, low: -5, high: 5 })
const each = (f: (x: number) => number) => (x: Values) => x.map(f)

const GELUS = [
  ['none', reference.geluExact],
  ['tanh', reference.geluTanh],
] as const

const gelus: LayerCase[] = GELUS.flatMap(([approximate, scalar]): LayerCase[] => [
  {
    name: `gelu, ${approximate}`,
    inputs: [wide(4, 9)],
    run: (x) => gelu(x, approximate),
    reference: each(scalar),
  },
  {
    name: `gelu, ${approximate}, far from zero`,
    inputs: [shape(8)],
    values: [[-1000, -40, -12, -7, 7, 12, 40, 1000]],
    run: (x) => gelu(x, approximate),
    reference: each(scalar),
  },
  {
    name: `biasGelu, ${approximate}`,
    inputs: [wide(2, 3, 5), shape(5)],
    run: (x, bias) => biasGelu(x, bias, approximate),
    reference: (x, bias) => each(scalar)(reference.addRow(x, bias)),
  },
  {
    name: `linearGelu, ${approximate}`,
    inputs: [shape(2, 3, 4), shape(5, 4), shape(5)],
    run: (x, weight, bias) => linearGelu(x, weight, bias, approximate),
    reference: (x, weight, bias) => each(scalar)(reference.linear(x, weight, 4, bias)),
  },
])

const B = 2
const N = 5
const M = 7
const C = 6
const heads = 2
const sizes = { batch: B, queries: N, keys: M, heads, width: C }
const own = { batch: B, queries: N, heads, width: C }
const qkvInputs = [shape(B, N, C), shape(B, M, C), shape(B, M, C)]
// Scores of unequal size; -1e9 is how models write "not to be seen".
const scoreOf = (n: number, m: number) => (m > n + 2 ? -1e9 : Math.sin(n * M + m))
const keyScore = (b: number, m: number) => (m === 2 + 3 * b ? -1e9 : Math.cos(b * M + m))

const causalScore = (n: number, m: number) => (m > n + M - N ? -1e9 : 0)
// Four heads of queries share two of keys and values.
const grouped = { ...sizes, heads: 4, width: 8 }
const shared = (x: Values) => reference.repeatHeads(x, 2, 2)

const attentions: LayerCase[] = [
  {
    name: 'attention, causal',
    inputs: qkvInputs,
    run: (q, k, v) => attention(q, k, v, { numHeads: heads, causal: true }),
    reference: (q, k, v) => reference.attention(q, k, v, { ...sizes, mask: (_, n, m) => causalScore(n, m) }),
  },
  {
    name: 'attention, shared keys and values',
    inputs: [shape(B, N, 8), shape(B, M, 4), shape(B, M, 4)],
    run: (q, k, v) => attention(q, k, v, { numHeads: 4, numKeyValueHeads: 2 }),
    reference: (q, k, v) => reference.attention(q, shared(k), shared(v), grouped),
  },
  {
    name: 'attention, causal, shared keys and values, prefix',
    inputs: [shape(B, N, 8), shape(B, N, 4), shape(B, N, 4), shape(B, M - N, 8)],
    run: (q, k, v, prefix) => attention(q, k, v, { numHeads: 4, numKeyValueHeads: 2, causal: true, prefix }),
    reference: (q, k, v, prefix) => {
      const [keys, values] = [0, 4].map((from) =>
        reference.joinRows(prefix, from ? v : k, { batch: B, width: 4, from }),
      )
      return reference.attention(q, shared(keys!), shared(values!), {
        ...grouped,
        mask: (_, n, m) => causalScore(n, m),
      })
    },
  },
  {
    name: 'attention',
    inputs: qkvInputs,
    run: (q, k, v) => attention(q, k, v, { numHeads: heads }),
    reference: (q, k, v) => reference.attention(q, k, v, sizes),
  },
  {
    name: 'attention, peaked scores',
    inputs: [wide(B, N, C), wide(B, M, C), shape(B, M, C)],
    run: (q, k, v) => attention(q, k, v, { numHeads: heads }),
    reference: (q, k, v) => reference.attention(q, k, v, sizes),
  },
  {
    name: 'attention, mask [N, M]',
    inputs: qkvInputs,
    run: (q, k, v) => {
      const mask = tensor(
        Float32Array.from({ length: N * M }, (_, i) => scoreOf(Math.floor(i / M), i % M)),
        [N, M],
      )
      return attention(q, k, v, { numHeads: heads, mask })
    },
    reference: (q, k, v) => reference.attention(q, k, v, { ...sizes, mask: (_, n, m) => scoreOf(n, m) }),
  },
  {
    name: 'attention, mask [B, 1, 1, M]',
    inputs: qkvInputs,
    run: (q, k, v) => {
      const mask = tensor(
        Float32Array.from({ length: B * M }, (_, i) => keyScore(Math.floor(i / M), i % M)),
        [B, 1, 1, M],
      )
      return attention(q, k, v, { numHeads: heads, mask })
    },
    reference: (q, k, v) => reference.attention(q, k, v, { ...sizes, mask: (b, _, m) => keyScore(b, m) }),
  },
  {
    name: 'selfAttention',
    inputs: [shape(B, N, 3 * C)],
    run: (qkv) => selfAttention(qkv, { numHeads: heads }),
    reference: (qkv) => reference.selfAttention(qkv, own),
  },
  {
    name: 'selfAttention, bias',
    inputs: [shape(B, N, 3 * C), shape(3 * C)],
    run: (qkv, bias) => selfAttention(qkv, { numHeads: heads, bias }),
    reference: (qkv, bias) => reference.selfAttention(qkv, own, bias),
  },
  {
    name: 'selfAttention, prefix',
    inputs: [shape(B, N, 3 * C), shape(B, 3, 2 * C)],
    run: (qkv, prefix) => selfAttention(qkv, { numHeads: heads, prefix }),
    reference: (qkv, prefix) => reference.selfAttention(qkv, own, undefined, prefix),
  },
  {
    name: 'selfAttention, bias and prefix',
    inputs: [shape(B, N, 3 * C), shape(3 * C), shape(B, 3, 2 * C)],
    run: (qkv, bias, prefix) => selfAttention(qkv, { numHeads: heads, bias, prefix }),
    reference: (qkv, bias, prefix) => reference.selfAttention(qkv, own, bias, prefix),
  },
]

const pool = (
  name: string,
  [height, width]: [number, number],
  [outHeight, outWidth]: [number, number],
): LayerCase => ({
  name: `adaptiveMaxPool, ${name}`,
  inputs: [wide(2, height, width)],
  run: (x) => adaptiveMaxPool(x, outHeight, outWidth),
  reference: (x) => maps.adaptiveMaxPool(x, { planes: 2, height, width, outHeight, outWidth }),
})

const tied = { planes: 2, height: 3, width: 4, outHeight: 2, outWidth: 3 }
const pools: LayerCase[] = [
  pool('windows side by side', [4, 6], [2, 3]),
  pool('overlapping windows', [5, 7], [3, 4]),
  pool('fewer pixels than cells', [2, 3], [5, 4]),
  {
    name: 'adaptiveMaxPool, ties: the first maximum takes the gradient',
    inputs: [shape(2, tied.height, tied.width)],
    values: [[1, 2, 2, 0, 2, 2, 1, 1, 0, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    run: (x) => adaptiveMaxPool(x, tied.outHeight, tied.outWidth),
    reference: (x) => maps.adaptiveMaxPool(x, tied),
    gradients: ([x], weights) => [maps.adaptiveMaxPoolGradient(x!, weights, tied)],
  },
]

const RESIZES: [InterpolationMode, (x: Values, sizes: maps.MapSizes) => Values][] = [
  ['bicubic', maps.bicubicResize],
  ['bicubic-antialias', maps.bicubicAntialiasResize],
  ['area', maps.areaResize],
  ['nearest', maps.nearestResize],
]
const resizes = RESIZES.flatMap(([mode, resize]) =>
  [
    { height: 5, width: 9, outHeight: 7, outWidth: 4 },
    { height: 1, width: 3, outHeight: 2, outWidth: 8 },
  ].map(
    (map): LayerCase => ({
      name: `interpolate, ${mode}, ${map.height}x${map.width} to ${map.outHeight}x${map.outWidth}`,
      inputs: [shape(2, 2, map.height, map.width)],
      run: (x) => interpolate(x, map.outHeight, map.outWidth, mode),
      reference: (x) => resize(x, { planes: 4, ...map }),
    }),
  ),
)

const convolution = (kernel: number, height: number, width: number): LayerCase => ({
  name: `depthwiseConv2d, ${kernel}x${kernel} on ${height}x${width}`,
  inputs: [shape(2, height, width, 3), shape(3, 1, kernel, kernel), shape(3)],
  run: depthwiseConv2d,
  reference: (x, weight, bias) => maps.depthwiseConv2d(x, weight, bias, { height, width, kernel }),
})

/** Three tokens, heads of 4. */
const ANGLES = [0, 0.5, 1, -2, 3, 0.25]
const PICKED = [3, 0, 3, 4]
const FROM = [2, 0, 3]
const TO = [1, 4, 0]
// A pre-norm MLP with a skip connection: every parameter is read behind another.
type Block = (x: Tensor, g: Tensor, b: Tensor, w1: Tensor, b1: Tensor, w2: Tensor) => Tensor
const block: Block = (x, g, b, w1, b1, w2) => add(x, linear(linearGelu(layerNorm(x, g, b, 1e-6), w1, b1), w2))
const blockInputs = [shape(2, 3, 4), shape(4), shape(4), shape(6, 4), shape(6), shape(4, 6)]
const blockReference: LayerCase['reference'] = (x, g, b, w1, b1, w2) => {
  const hidden = reference.linear(reference.layerNorm(x!, g!, b!, 1e-6), w1!, 4, b1!)
  return reference.plus(x!, reference.linear(hidden.map(reference.geluExact), w2!, 6))
}

const others: LayerCase[] = [
  {
    name: 'linear',
    inputs: [shape(2, 3, 4), shape(5, 4), shape(5)],
    run: linear,
    reference: (x, weight, bias) => reference.linear(x, weight, 4, bias),
  },
  {
    name: 'linear, one vector, no bias',
    inputs: [shape(4), shape(5, 4)],
    run: (x, weight) => linear(x, weight),
    reference: (x, weight) => reference.linear(x, weight, 4),
  },
  {
    name: 'layerNorm',
    inputs: [wide(2, 3, 9), shape(9), shape(9)],
    run: (x, weight, bias) => layerNorm(x, weight, bias, 1e-6),
    reference: (x, weight, bias) => reference.layerNorm(x, weight, bias, 1e-6),
  },
  {
    name: 'layerNorm, variance near eps',
    inputs: [{ shape: [4, 6], low: -0.01, high: 0.01 }, shape(6), shape(6)],
    run: (x, weight, bias) => layerNorm(x, weight, bias, 1e-5),
    reference: (x, weight, bias) => reference.layerNorm(x, weight, bias, 1e-5),
  },
  {
    name: 'rmsNorm',
    inputs: [wide(2, 3, 9), shape(9)],
    run: (x, weight) => rmsNorm(x, weight, 1e-6),
    reference: (x, weight) => reference.rmsNorm(x, weight, 1e-6),
  },
  {
    name: 'siluMul',
    inputs: [wide(3, 7), shape(3, 7)],
    run: siluMul,
    reference: (gate, up) => gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!),
  },
  {
    name: 'rotary',
    inputs: [shape(3, 8)],
    run: (x) => rotary(x, tensor(ANGLES.map(Math.cos), [3, 2]), tensor(ANGLES.map(Math.sin), [3, 2])),
    reference: (x) => reference.rotary(x, 2, 2, ANGLES),
  },
  {
    name: 'l2Normalize',
    inputs: [shape(2, 3, 4)],
    run: l2Normalize,
    reference: (x) => reference.l2Normalize(x, 4),
  },
  {
    name: 'l2Normalize, a zero vector',
    inputs: [shape(2, 3)],
    values: [[0, 0, 0, 3, 0, 4]],
    run: l2Normalize,
    reference: (x) => reference.l2Normalize(x, 3),
    // Below a length of 1e-12 the op divides by 1e-12, so that is its slope at zero; PyTorch's too.
    gradients: ([x], w) => {
      const along = (w[3]! * x![3]! + w[5]! * x![5]!) / 25
      const second = [3, 4, 5].map((i) => (w[i]! - along * x![i]!) / 5)
      return [Float64Array.of(w[0]! * 1e12, w[1]! * 1e12, w[2]! * 1e12, ...second)]
    },
  },
  {
    name: 'unfold',
    inputs: [shape(2, 3, 4, 6)],
    run: (x) => unfold(x, 2),
    reference: (x) => maps.unfold(x, { channels: 3, height: 4, width: 6, patch: 2 }),
  },
  convolution(3, 5, 4),
  convolution(7, 4, 5),
  {
    name: 'gatherRows',
    inputs: [shape(5, 2, 3)],
    run: (x) => gatherRows(x, PICKED),
    reference: (x) => reference.moveRows(x, 6, PICKED, [0, 1, 2, 3], 4),
  },
  {
    name: 'scatterRows',
    inputs: [shape(4, 3)],
    run: (x) => scatterRows(x, FROM, TO, 6),
    reference: (x) => reference.moveRows(x, 3, FROM, TO, 6),
  },
  {
    name: 'checkpoint around a block with parameters',
    inputs: blockInputs,
    run: (x, ...parameters) =>
      checkpoint((y: Tensor) => block(y, ...(parameters as Tail<Parameters<Block>>)), [x], parameters),
    reference: blockReference,
  },
  {
    name: 'checkpoint around checkpoints',
    inputs: blockInputs,
    run: (x, ...parameters) => {
      const inner = (y: Tensor) => block(y, ...(parameters as Tail<Parameters<Block>>))
      return checkpoint(
        (y: Tensor) => checkpoint(inner, [checkpoint(inner, [y], parameters)], parameters),
        [x],
        parameters,
      )
    },
    reference: (x, ...rest) => blockReference(blockReference(x!, ...rest), ...rest),
  },
]

type Tail<T extends unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never

export const LAYERS: LayerCase[] = [...gelus, ...attentions, ...pools, ...resizes, ...others]
