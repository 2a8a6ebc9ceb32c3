// Recomputing instead of keeping: the same numbers, fewer bytes between forward and backward. Values against float64
// references are in the layer table; here is how it lives among other gradients.
import { beforeAll, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { Mlp } from '../nn/index.ts'
import { Random } from '../random.ts'
import {
  add,
  dispose,
  memory,
  mul,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrads,
  variableGrads,
} from '../tf.ts'
import { selfAttention } from './attention.ts'
import { checkpoint } from './checkpoint.ts'
import { linear } from './linear.ts'

const random = new Random(9)
const normal = (...shape: number[]) =>
  tensor(random.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape)

/** [B, N, C] -> [B, N, C]: attention behind its projection, with a skip connection. */
const block = (x: Tensor, weight: Tensor, bias: Tensor) =>
  add(x, selfAttention(linear(x, weight), { numHeads: 2, bias })) as Tensor

async function expectEqual(a: Tensor, b: Tensor): Promise<void> {
  expect(a.shape).toEqual(b.shape)
  // The same ops on the same numbers: equal to the last bit.
  expect([...(await tensorData(a))]).toEqual([...(await tensorData(b))])
}

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`checkpoint on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it('has the value and the gradients of the same layers without it', () =>
      expectNoLeak(async () => {
        const inputs = [normal(2, 5, 8), normal(24, 8), normal(24)]
        const layers = (wrap: boolean) =>
          valueAndGrads((x: Tensor, weight: Tensor, bias: Tensor) => {
            const one = (y: Tensor) => block(y, weight, bias)
            const again = (y: Tensor) => (wrap ? checkpoint(one, [y], [weight, bias]) : one(y))
            // Ops before, between and after: the outer tape must go on behind each segment.
            return sum(square(again(mul(again(square(x)), 0.5) as Tensor)))
          })(inputs)
        const plain = layers(false)
        const wrapped = layers(true)
        await expectEqual(wrapped.value, plain.value)
        for (const [i, expected] of plain.grads.entries()) await expectEqual(wrapped.grads[i]!, expected)
        dispose([inputs, plain, wrapped] as never)
      }))

    it("gives gradients to a module's parameters, and zeros to those that the segment does not read", () =>
      expectNoLeak(async () => {
        const mlp = new Mlp({ inFeatures: 4, hiddenFeatures: 6, outFeatures: 4, normEps: 1e-6 })
        mlp.initialize(1)
        const x = normal(3, 4)
        const spare = normal(2, 3)
        const names = Object.keys(mlp.stateDict())
        const parameters = [...mlp.namedParameters()].map(([, p]) => p.value)
        const loss = (wrap: boolean) =>
          variableGrads(() => {
            const y = wrap
              ? checkpoint((z: Tensor) => mlp.forward(z), [x], [...parameters, spare])
              : mlp.forward(x)
            return sum(square(y)) as never
          }, parameters)
        const plain = loss(false)
        const wrapped = loss(true)
        expect(Object.keys(wrapped.grads)).toHaveLength(names.length)
        for (const name of Object.keys(plain.grads))
          await expectEqual(wrapped.grads[name]!, plain.grads[name]!)
        const unread = valueAndGrads((...xs: Tensor[]) =>
          sum(checkpoint((y: Tensor) => mlp.forward(y), [xs[0]!], [...parameters, xs[1]!])),
        )([x, spare])
        expect([...(await tensorData(unread.grads[1]!))]).toEqual([0, 0, 0, 0, 0, 0])
        dispose([x, spare, plain, wrapped, unread] as never)
        mlp.dispose()
      }))

    it('keeps fewer bytes between forward and backward', () =>
      expectNoLeak(() => {
        const inputs = [normal(1, 64, 16), normal(48, 16), normal(48)]
        const kept = (wrap: boolean) => {
          let bytes = 0
          const { value, grads } = valueAndGrads((x: Tensor, weight: Tensor, bias: Tensor) => {
            const before = memory().numBytes
            const one = (y: Tensor) => block(y, weight, bias)
            const again = (y: Tensor) => (wrap ? checkpoint(one, [y], [weight, bias]) : one(y))
            // What survives this tidy is what the tape keeps for the backward pass.
            const y = tidy(() => sum(again(again(again(x)))))
            bytes = memory().numBytes - before
            return y
          })(inputs)
          dispose([value, grads] as never)
          return bytes
        }
        const [plain, wrapped] = [kept(false), kept(true)]
        const input = 4 * 64 * 16
        // Each segment keeps its input, not the projection three times as wide; the sum keeps its own, and its result
        // is one number. (tfjs counts shared data once per tensor, so the first input is counted though it is ours.)
        expect(wrapped).toBe(4 * input + 4)
        expect(plain).toBeGreaterThan(3 * wrapped)
        dispose(inputs)
      }))

    it('leaves nothing behind and the tape usable when the segment throws', () =>
      expectNoLeak(async () => {
        const x = normal(2, 3)
        expect(() =>
          checkpoint(
            (y: Tensor) => {
              square(y)
              throw new Error('inside the segment')
            },
            [x],
            [],
          ),
        ).toThrow('inside the segment')
        expect(() =>
          valueAndGrads((y: Tensor) =>
            sum(
              checkpoint(
                (z: Tensor) => {
                  square(z)
                  throw new Error('under a tape')
                },
                [y],
                [],
              ),
            ),
          )([x]),
        ).toThrow('under a tape')
        const { value, grads } = valueAndGrads((y: Tensor) => sum(checkpoint(square, [y], [])))([x])
        const expected = tidy(() => mul(x, 2) as Tensor)
        await expectEqual(grads[0]!, expected)
        dispose([x, value, grads, expected] as never)
      }))
  })
}
