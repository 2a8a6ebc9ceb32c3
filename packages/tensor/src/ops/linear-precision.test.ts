// Products in bfloat16 against float64 ones of numbers rounded to bfloat16 here; and where they are not to be had.
import { beforeAll, describe, expect, it } from 'vitest'
import { describeNative } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { BackendError } from '../errors.ts'
import { Random } from '../random.ts'
import { dispose, grads, mul, profile, sum, type Tensor, tensor, tidy } from '../tf.ts'
import { checkpoint } from './checkpoint.ts'
import { linear, linearGelu } from './linear.ts'
import { supportsBf16, withLinearPrecision } from './linear-precision.ts'

const random = new Random(14)
const normal = (...shape: number[]) =>
  tensor(random.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape)

/** To the nearest of 8 significant bits, ties to even. */
function toBf16(values: ArrayLike<number>): Float64Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer)
  for (const [i, word] of bits.entries()) bits[i] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000
  return Float64Array.from(new Float32Array(bits.buffer))
}

/** a [M, K] b [K, N] of rounded numbers, by strides: (row, column) of a and of b. */
function product(
  [a, b]: [ArrayLike<number>, ArrayLike<number>],
  [m, k, n]: [number, number, number],
  [aRow, aColumn, bRow, bColumn]: [number, number, number, number],
): Float64Array {
  const [x, y] = [toBf16(a), toBf16(b)]
  return Float64Array.from({ length: m * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n]
    let total = 0
    for (let j = 0; j < k; j++) total += x[row * aRow + j * aColumn]! * y[j * bRow + column * bColumn]!
    return total
  })
}

/** The output is rounded to 8 significant bits, so by at most 2^-8 of itself; sums of products are of float32. */
function expectRounded(actual: ArrayLike<number>, exact: Float64Array): void {
  expect(actual).toHaveLength(exact.length)
  const wrong = exact.findIndex((value, i) => !(Math.abs(actual[i]! - value) <= Math.abs(value) / 256 + 1e-5))
  expect(wrong, `element ${wrong}: ${actual[wrong]}, exactly ${exact[wrong]}`).toBe(-1)
}

const bf16 = <T>(body: () => T): T => withLinearPrecision('bf16', body)

describeNative('linear layers in bf16', () => {
  beforeAll(() => useBackend('node'))

  it('round what they multiply and what comes out, forwards and backwards', () =>
    expectNoLeak(async () => {
      const [m, k, n] = [21, 37, 19]
      const [x, weight, dy] = [normal(3, 7, k), normal(n, k), normal(3, 7, n)]
      const y = bf16(() => linear(x, weight))
      const [dx, dWeight] = bf16(() =>
        grads((x: Tensor, w: Tensor) => sum(mul(linear(x, w), dy)))([x, weight]),
      ) as [Tensor, Tensor]
      const read = (value: Tensor) => tensorData(value)
      expectRounded(await read(y), product([await read(x), await read(weight)], [m, k, n], [k, 1, 1, k]))
      expectRounded(await read(dx), product([await read(dy), await read(weight)], [m, n, k], [n, 1, k, 1]))
      expectRounded(await read(dWeight), product([await read(dy), await read(x)], [n, m, k], [1, n, k, 1]))
      // So they do differ from float32 ones.
      const plain = linear(x, weight)
      expect(await read(plain)).not.toEqual(await read(y))
      dispose([x, weight, dy, y, dx, dWeight, plain])
    }))

  it('leave the bias and its gradient in float32, and no gradient that nobody wants is computed', () =>
    expectNoLeak(async () => {
      const [x, weight, bias] = [normal(9, 16), normal(8, 16), normal(8)]
      const { kernelNames, result } = await profile(() =>
        bf16(() => grads((b: Tensor) => sum(linearGelu(x, weight, b)))([bias])),
      )
      const counted = kernelNames.filter((name) => name === 'PS3MatMulBf16')
      expect(counted).toHaveLength(1)
      dispose([x, weight, bias, ...(result as Tensor[])])
    }))

  it('are the same when a checkpoint computes them again, outside of the choice of precision', () =>
    expectNoLeak(async () => {
      const [x, weight] = [normal(5, 16), normal(16, 16)]
      const twice = (x: Tensor, w: Tensor) => linear(linear(x, w), w)
      const gradients = (run: (x: Tensor, w: Tensor) => Tensor) =>
        grads((x: Tensor, w: Tensor) => sum(bf16(() => run(x, w))))([x, weight])
      const plain = gradients(twice)
      const again = gradients((x, w) => checkpoint((y: Tensor) => twice(y, w), [x], [w]))
      for (const [i, value] of plain.entries())
        expect(await tensorData(again[i]!)).toEqual(await tensorData(value))
      dispose([x, weight, ...plain, ...again])
    }))

  it('are float32 again afterwards, also after an error', () => {
    tidy(() => {
      const [x, weight] = [normal(4, 8), normal(8, 8)]
      expect(() => bf16(() => linear(x, normal(3, 3)))).toThrow(/width 8/)
      expect(linear(x, weight).dataSync()).toEqual(
        withLinearPrecision('float32', () => linear(x, weight)).dataSync(),
      )
    })
  })
})

describe('bf16 elsewhere', () => {
  it.each(['cpu', 'wasm'] as const)('is refused on %s, before anything is computed', async (backend) => {
    await useBackend(backend)
    expect(supportsBf16()).toBe(false)
    expect(() => bf16(() => expect.unreachable())).toThrow(BackendError)
    expect(() => bf16(() => expect.unreachable())).toThrow(
      `'${backend}' does not multiply in bf16: take node`,
    )
  })
})
