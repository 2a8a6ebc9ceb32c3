// Every fused kernel against plain tfjs ops (or float64 JavaScript), on TensorFlow's own library.
import {
  add,
  concat,
  engine,
  getKernel,
  type KernelBackend,
  matMul,
  mean,
  mul,
  reshape,
  rsqrt,
  setBackend,
  slice,
  softmax,
  split,
  square,
  sub,
  type Tensor,
  tensor,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core'
import { beforeAll, expect, it } from 'vitest'
import { expectNoLeak, requireOrSkip } from '../../../../tools/test-support.ts'
import { Random } from '../random.ts'
import { executeOp, loadNativeBackend, nativeStatus, nodeBackend } from './index.ts'

const status = await nativeStatus()
const describeNative = requireOrSkip(
  status.cpu.usable && status.cpu.fused,
  `fused kernels: ${status.cpu.reason ?? 'the prebuilt addon has none'}`,
)

const random = new Random(20)
const normal = (shape: number[], scale = 1): Tensor => {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  return tensor(random.fillNormal(values, scale), shape)
}
const fused = (name: string, inputs: Record<string, Tensor>, attrs: Record<string, unknown>): Tensor =>
  engine().runKernel(name, inputs, attrs as never) as Tensor

function largestDifference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape)
  const [x, y] = [a.dataSync(), b.dataSync()]
  let largest = 0
  // Not Math.max: it must not lose a NaN.
  for (let i = 0; i < x.length; i++) {
    const difference = Math.abs(x[i]! - y[i]!)
    if (!(difference <= largest)) largest = difference
  }
  return largest
}

/** [B, N, H * D] -> [B, H, N, D], each head repeated `repeat` times. */
function heads(x: Tensor, numHeads: number, repeat = 1): Tensor {
  const [batch, rows, width] = x.shape as [number, number, number]
  const split = transpose(reshape(x, [batch, rows, numHeads, width / numHeads]), [0, 2, 1, 3])
  if (repeat === 1) return split
  const stacked = concat(
    Array<Tensor>(repeat).fill(reshape(split, [batch, numHeads, 1, rows, width / numHeads])),
    2,
  )
  return reshape(stacked, [batch, numHeads * repeat, rows, width / numHeads])
}

function plainAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  numHeads: number,
  kvHeads = numHeads,
  offset?: number,
): Tensor {
  const [batch, rows, width] = q.shape as [number, number, number]
  const keys = k.shape[1]!
  const repeat = numHeads / kvHeads
  let scores = mul(
    matMul(heads(q, numHeads), heads(k, kvHeads, repeat), false, true),
    1 / Math.sqrt(width / numHeads),
  )
  if (offset !== undefined) {
    const mask = Float32Array.from({ length: rows * keys }, (_, i) =>
      i % keys <= Math.floor(i / keys) + offset ? 0 : -1e9,
    )
    scores = add(scores, tensor(mask, [rows, keys]))
  }
  const out = matMul(softmax(scores), heads(v, kvHeads, repeat))
  return reshape(transpose(out, [0, 2, 1, 3]), [batch, rows, width])
}

function plainSelfAttention(qkv: Tensor, bias: Tensor, prefix: Tensor | undefined, numHeads: number): Tensor {
  const [q, k, v] = split(add(qkv, bias), 3, 2) as [Tensor, Tensor, Tensor]
  if (!prefix) return plainAttention(q, k, v, numHeads)
  const [before, beforeV] = split(prefix, 2, 2) as [Tensor, Tensor]
  return plainAttention(q, concat([before, k], 1), concat([beforeV, v], 1), numHeads)
}

// Outputs are averages of values of order 1 over up to 400 keys, in another order of summation: 1e-5 is twenty
// units in the last place of 4, the largest value.
const ATTENTION_TOLERANCE = 1e-5

describeNative('fused kernels', () => {
  beforeAll(async () => {
    expect(status.cpu.reason).toBeUndefined()
    const info = await loadNativeBackend()
    expect(info).toEqual({ tensorflowVersion: status.cpu.tensorflowVersion, fused: true, gpu: false })
    await setBackend('tensorflow')
  })

  // [batch, N, M, heads, D]: blocks are 96 queries, 120 keys, strips 24 keys, and 24, 16 or 8 columns.
  it.each([
    [1, 96, 0, 2, 72],
    [2, 97, 31, 2, 72],
    [1, 25, 400, 4, 64],
    [2, 200, 1, 3, 12],
    [1, 7, 5, 2, 10],
    [3, 1, 0, 1, 8],
    [1, 130, 121, 1, 25],
    [1, 3, 0, 2, 1],
  ])('self-attention: batch %i, %i queries, %i cached keys, %i heads of %i', (batch, n, m, numHeads, d) => {
    const c = numHeads * d
    tidy(() => {
      const qkv = normal([batch, n, 3 * c])
      const bias = normal([3 * c], 0.5)
      const prefix = normal([batch, m, 2 * c])
      const expected = plainSelfAttention(qkv, bias, m > 0 ? prefix : undefined, numHeads)
      const actual = fused('PS3SelfAttention', { qkv, bias, prefix }, { numHeads })
      expect(largestDifference(actual, expected)).toBeLessThan(ATTENTION_TOLERANCE)
    })
  })

  it('self-attention without a prefix, and without a leak', async () => {
    await expectNoLeak(() => {
      const inputs = { qkv: normal([1, 50, 96]), bias: normal([96]) }
      const actual = fused('PS3SelfAttention', inputs, { numHeads: 2 })
      const expected = tidy(() => plainSelfAttention(inputs.qkv, inputs.bias, undefined, 2))
      expect(largestDifference(actual, expected)).toBeLessThan(ATTENTION_TOLERANCE)
      for (const one of [actual, expected, inputs.qkv, inputs.bias]) one.dispose()
    })
  })

  it('self-attention stays exact with scores far apart', () => {
    tidy(() => {
      // Scores of several hundred: without the running maximum, exp overflows.
      const [qkv, bias] = [normal([1, 300, 3 * 32], 12), normal([3 * 32])]
      const expected = plainSelfAttention(qkv, bias, undefined, 2)
      const actual = fused('PS3SelfAttention', { qkv, bias }, { numHeads: 2 })
      // Scores near 600 have steps of 6e-5, so two exact softmaxes differ by that share of values near 40.
      expect(largestDifference(actual, expected)).toBeLessThan(1e-2)
    })
  })

  it('self-attention passes NaN on instead of hiding it', () => {
    tidy(() => {
      const values = new Float32Array(40 * 48).fill(0.5)
      values[20 * 48 + 17] = Number.NaN // a key
      const out = fused(
        'PS3SelfAttention',
        { qkv: tensor(values, [1, 40, 48]), bias: normal([48]) },
        { numHeads: 1 },
      )
      expect(out.dataSync().every(Number.isNaN)).toBe(true)
    })
  })

  // [batch, N, M, heads, key-value heads, D, causal offset]
  it.each([
    [2, 33, 70, 4, 4, 16, undefined],
    [1, 101, 250, 4, 2, 72, undefined],
    [1, 140, 140, 4, 1, 24, 0],
    [2, 5, 130, 6, 2, 16, 125],
    [1, 300, 310, 2, 2, 8, 10],
  ])(
    'attention: batch %i, %i queries, %i keys, %i heads, %i of keys, width %i, offset %s',
    (batch, n, m, numHeads, numKeyValueHeads, d, causalOffset) => {
      tidy(() => {
        const q = normal([batch, n, numHeads * d])
        const k = normal([batch, m, numKeyValueHeads * d])
        const v = normal([batch, m, numKeyValueHeads * d])
        const actual = fused('PS3Attention', { q, k, v }, { numHeads, numKeyValueHeads, causalOffset })
        const expected = plainAttention(q, k, v, numHeads, numKeyValueHeads, causalOffset)
        expect(largestDifference(actual, expected)).toBeLessThan(ATTENTION_TOLERANCE)
      })
    },
  )

  it('attention gives zeros for a query that may see no key', () => {
    tidy(() => {
      const inputs = { q: normal([1, 3, 8]), k: normal([1, 3, 8]), v: normal([1, 3, 8]) }
      const rows = fused('PS3Attention', inputs, {
        numHeads: 1,
        causalOffset: -1,
      }).arraySync() as number[][][]
      expect(rows[0]![0]).toEqual(Array(8).fill(0))
      expect(rows[0]![1]!.every((x, i) => Math.abs(x - inputs.v.dataSync()[i]!) < 1e-6)).toBe(true)
    })
  })

  it.each([[[2, 5, 1152]], [[33, 10]], [[7]], [[1, 3, 2, 17]]])('LayerNorm of [%s]', (shape) => {
    tidy(() => {
      const width = shape.at(-1)!
      const x = add(normal(shape, 3), 5)
      const [weight, bias] = [normal([width]), normal([width])]
      const centred = sub(x, mean(x, -1, true))
      const plain = mul(centred, rsqrt(add(mean(square(centred), -1, true), 1e-6)))
      const actual = fused('PS3LayerNorm', { x, weight, bias }, { eps: 1e-6 })
      // Normalised values up to 5 times weights up to 4, a few units in the last place.
      expect(largestDifference(actual, add(mul(plain, weight), bias))).toBeLessThan(1e-5)
    })
  })

  it.each(['none', 'tanh'] as const)('bias + GELU (%s) is within 1e-6 of float64', (approximate) => {
    tidy(() => {
      // Steps of 1/512 from -8 to 8, in rows of 77: no multiple of a vector.
      const width = 77
      const rows = 107
      const values = Float32Array.from({ length: rows * width }, (_, i) => -8 + i / 512)
      const bias = normal([width])
      const biases = bias.dataSync()
      const actual = fused(
        'PS3BiasGelu',
        { x: tensor(values, [rows, width]), bias },
        { approximate },
      ).dataSync()
      let largest = 0
      values.forEach((value, i) => {
        const x = Math.fround(value + biases[i % width]!)
        const tanh = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))
        const exact = approximate === 'tanh' ? 0.5 * x * (1 + tanh) : x * normalCdf(x)
        // Relative above 1, as float32 itself is.
        largest = Math.max(largest, Math.abs(actual[i]! - exact) / Math.max(1, Math.abs(x)))
      })
      expect(largest).toBeLessThan(1e-6)
    })
  })

  it('gives empty outputs for empty inputs', () => {
    tidy(() => {
      const empty = fused(
        'PS3SelfAttention',
        { qkv: normal([1, 0, 24]), bias: normal([24]) },
        { numHeads: 1 },
      )
      expect(empty.shape).toEqual([1, 0, 8])
      const norm = fused(
        'PS3LayerNorm',
        { x: normal([0, 4]), weight: normal([4]), bias: normal([4]) },
        { eps: 1e-6 },
      )
      expect(norm.shape).toEqual([0, 4])
    })
  })

  it('refuses shapes that do not fit and leaks nothing', async () => {
    const qkv = normal([1, 4, 24])
    const bias = normal([24])
    const bad = normal([1, 2, 15])
    await expectNoLeak(() => {
      const run = (name: string, inputs: Record<string, Tensor>, attrs: object) => () =>
        tidy(() => fused(name, inputs, attrs as Record<string, unknown>))
      expect(run('PS3SelfAttention', { qkv, bias }, { numHeads: 3 })).toThrow('num_heads')
      expect(run('PS3SelfAttention', { qkv, bias, prefix: bad }, { numHeads: 1 })).toThrow('prefix')
      expect(run('PS3Attention', { q: qkv, k: bad, v: bad }, { numHeads: 1 })).toThrow('num_kv_heads')
      expect(run('PS3LayerNorm', { x: qkv, weight: bias, bias: bad }, { eps: 1e-6 })).toThrow('last axis')
      expect(run('PS3BiasGelu', { x: bad, bias }, { approximate: 'none' })).toThrow('last axis')
    })
    for (const one of [qkv, bias, bad]) one.dispose()
  })

  it('refuses parts of a decoder layer that do not fit', async () => {
    const sizes: Record<string, number[]> = {
      ...{ x: [1, 8], cos: [1, 2], sin: [1, 2], recent: [1, 5, 8], inputNorm: [8], mlpNorm: [8] },
      ...{ qBias: [8], kBias: [4], vBias: [4], q: [8, 8], k: [4, 8], v: [4, 8], o: [8, 8] },
      ...{ gate: [12, 8], up: [12, 8], down: [8, 12] },
    }
    const attrs = { numHeads: 2, numKeyValueHeads: 1, normEps: 1e-6, format: 'f32', inner: 12 }
    const run = (wrong: Record<string, number[]>, other: object = {}) =>
      tidy(() => {
        const shapes = Object.entries({ ...sizes, ...wrong })
        const inputs = Object.fromEntries(shapes.map(([name, shape]) => [name, normal(shape)]))
        const outputs = fused('PS3DecoderLayer', inputs, { ...attrs, ...other }) as unknown as Tensor[]
        return outputs.map(({ shape }) => shape)
      })
    await expectNoLeak(() => {
      expect(run({})).toEqual([
        [1, 8],
        [1, 6, 8],
      ])
      expect(() => run({ x: [0, 8], cos: [0, 2], sin: [0, 2] })).toThrow('there is no token')
      expect(() => run({}, { numKeyValueHeads: 3 })).toThrow('cannot share keys')
      expect(() => run({ cos: [2, 2] })).toThrow('a row for each row of x')
      expect(() => run({ mlpNorm: [7] })).toThrow('as wide as x')
      expect(() => run({ kBias: [8] })).toThrow('biases')
      expect(() => run({ recent: [1, 5, 4] })).toThrow('settled and recent')
      for (const name of ['q', 'k', 'v', 'o', 'gate', 'up', 'down'])
        expect(() => run({ [name]: [3, 8] }), name).toThrow('fewer than the matrix needs')
    })
  })

  it('runs any TensorFlow operation by name', () => {
    tidy(() => {
      const type = { type: 1 }
      const [out] = executeOp(nodeBackend(), 'Atan2', { T: type }, [tensor([1, 0]), tensor([1, -1])])
      expect(out!.dataSync()[0]).toBeCloseTo(Math.PI / 4, 6)
      expect(out!.dataSync()[1]).toBeCloseTo(Math.PI, 6)
    })
  })

  it('loads once, shares the engine and leaves the backend alone', async () => {
    const before = engine().backend as KernelBackend
    expect(await loadNativeBackend()).toMatchObject({ fused: true })
    expect(engine().backend).toBe(before)
    expect(getKernel('PS3LayerNorm', 'tensorflow')).toBeDefined()
    await expect(loadNativeBackend({ gpu: true })).rejects.toThrow('a process takes one')
  })

  it('takes data on a 64-byte boundary without copying it', () => {
    // TensorFlow reads the array itself then, so a later change to it shows. 40 MB: such blocks come straight from
    // the system, behind a header of 16 bytes; smaller ones may lie anywhere.
    const sharesMemory = (offset: number): boolean => {
      const length = 10_000_000
      const data = new Float32Array(new ArrayBuffer(4 * length + 64), offset, length)
      return tidy(() => {
        const x = tensor(data)
        slice(x, 0, 1).dataSync() // uploads
        data[3] = 42
        return slice(x, 3, 1).dataSync()[0] === 42
      })
    }
    expect(sharesMemory(0)).toBe(false)
    expect(sharesMemory(48)).toBe(true)
  })
})

/** Phi(x) by the error function's series, or its continued fraction in the tails; float64. */
function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  if (z < 2.5) {
    let term = z
    let total = z
    for (let n = 1; n < 60; n++) {
      term *= (-z * z) / n
      total += term / (2 * n + 1)
    }
    const erf = (2 / Math.sqrt(Math.PI)) * total
    return x < 0 ? 0.5 * (1 - erf) : 0.5 * (1 + erf)
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction)
  const tail = (0.5 * Math.exp(-z * z)) / Math.sqrt(Math.PI) / (z + fraction)
  return x < 0 ? tail : 1 - tail
}
