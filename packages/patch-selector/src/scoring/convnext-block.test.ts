// The ConvNeXt block against its formula in plain loops, its gradients, and what it refuses.
import {
  dispose,
  InvalidArgumentError,
  mul,
  Random,
  sum,
  type Tensor,
  tensor,
  tensorData,
  useBackend,
  valueAndGrads,
  zeros,
} from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { ConvNeXtBlock } from './convnext-block.ts'

const CHANNELS = 3
const SIZE = 5

/** Error function by its series, whose terms have one sign: exact in double precision for |x| < 6. */
function erf(x: number): number {
  let term = x
  let total = x
  for (let n = 1; n < 150; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total
}

/** One output pixel of x [H, W, C]: x + weight * mlp(norm(depthwise(x))). */
function pixel(x: Float32Array, p: Record<string, Float32Array>, row: number, column: number): number[] {
  const channels = [...Array(CHANNELS).keys()]
  const convolved = channels.map((c) => {
    let total = p['conv_dw.bias']![c]!
    for (let y = 0; y < 7; y++) {
      for (let z = 0; z < 7; z++) {
        const [top, left] = [row + y - 3, column + z - 3]
        if (top < 0 || top >= SIZE || left < 0 || left >= SIZE) continue
        total += p['conv_dw.weight']![(c * 7 + y) * 7 + z]! * x[(top * SIZE + left) * CHANNELS + c]!
      }
    }
    return total
  })
  const mean = convolved.reduce((a, b) => a + b, 0) / CHANNELS
  const deviation = Math.sqrt(convolved.reduce((a, b) => a + (b - mean) ** 2, 0) / CHANNELS + 1e-6)
  const normed = convolved.map(
    (v, c) => ((v - mean) / deviation) * p['norm.weight']![c]! + p['norm.bias']![c]!,
  )
  const layer = (name: string, input: number[]) =>
    [...p[`mlp.${name}.bias`]!].map((bias, o) =>
      input.reduce((total, v, i) => total + v * p[`mlp.${name}.weight`]![o * input.length + i]!, bias),
    )
  const hidden = layer('fc1', normed).map((v) => (v * (1 + erf(v / Math.SQRT2))) / 2)
  const out = layer('fc2', hidden)
  return channels.map((c) => x[(row * SIZE + column) * CHANNELS + c]! + p.weight![c]! * out[c]!)
}

beforeAll(() => useBackend('wasm'))

it('computes what the paper says, and leaves the picture at its edges', () =>
  expectNoLeak(async () => {
    const block = new ConvNeXtBlock(CHANNELS)
    const parameters: Record<string, Float32Array> = {}
    for (const [name, p] of block.namedParameters()) {
      parameters[name] = new Random(name.length).fillNormal(new Float32Array(p.size), 0.5)
      p.set(parameters[name].slice())
    }
    const values = new Random(1).fillNormal(new Float32Array(SIZE * SIZE * CHANNELS))
    const x = tensor(values, [1, SIZE, SIZE, CHANNELS])
    const y = block.forward(x)
    expect(y.shape).toEqual(x.shape)
    const got = await tensorData(y)
    for (let row = 0; row < SIZE; row++) {
      for (let column = 0; column < SIZE; column++) {
        for (const [c, want] of pixel(values, parameters, row, column).entries()) {
          // Values up to 10 through ten float32 sums of up to 49 terms.
          expect(Math.abs(got[(row * SIZE + column) * CHANNELS + c]! - want)).toBeLessThan(1e-5)
        }
      }
    }
    dispose([x, y])
    block.dispose()
  }))

it('starts as nearly the identity, and trains every parameter', () =>
  expectNoLeak(async () => {
    const block = new ConvNeXtBlock(CHANNELS)
    block.initialize(2)
    const values = new Random(1).fillNormal(new Float32Array(2 * 4 * 4 * CHANNELS))
    const x = tensor(values, [2, 4, 4, CHANNELS])
    const y = block.forward(x)
    const got = await tensorData(y)
    for (const [i, value] of values.entries()) expect(Math.abs(got[i]! - value)).toBeLessThan(1e-5)
    const parameters = [...block.namedParameters()].map(([, p]) => p.value)
    const weights = tensor(new Random(3).fillNormal(new Float32Array(x.size)), x.shape)
    const { value, grads } = valueAndGrads((first: Tensor, ..._: Tensor[]) =>
      sum(mul(block.forward(first), weights)),
    )([x, ...parameters])
    for (const gradient of grads) expect((await tensorData(gradient)).some((g) => g !== 0)).toBe(true)
    dispose([x, y, value, weights, ...grads])
    block.dispose()
  }))

it('refuses another number of channels', () =>
  expectNoLeak(() => {
    const block = new ConvNeXtBlock(CHANNELS)
    block.initialize(1)
    const x = zeros([1, 4, 4, 5])
    expect(() => block.forward(x)).toThrow(InvalidArgumentError)
    expect(() => block.forward(x)).toThrow('weight is [3, 1, 7, 7], expected [5, 1, k, k]')
    x.dispose()
    block.dispose()
  }))
