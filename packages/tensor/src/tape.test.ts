// A tape in several parts: tfjs's own gradients to the last bit, whatever runs between the parts, and nothing left.
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../tools/backends.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { tensorData, useBackend } from './backend/index.ts'
import { checkpoint, gatherRows, linear } from './ops/index.ts'
import { Random } from './random.ts'
import { Tape } from './tape.ts'
import { dispose, grads, mul, scalar, split, square, sum, type Tensor, tensor, tidy } from './tf.ts'

const random = new Random(4)
const normal = (...shape: number[]) =>
  tensor(random.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))), shape)

const values = async (x: Tensor | null) => [...(await tensorData(x!))]

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`Tape on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it('gives the gradients of one function when it is recorded in two parts, with a reading between', () =>
      expectNoLeak(async () => {
        const [x, weight, unused] = [normal(5, 4), normal(6, 4), normal(2)]
        const first = (a: Tensor, w: Tensor) => checkpoint((b) => square(linear(b, w)), [a], [w])
        const second = (h: Tensor, rows: number[]) => {
          const [a, b] = split(gatherRows(h, rows), 2, 1) as [Tensor, Tensor]
          return sum(mul(a, square(b)))
        }
        const tape = new Tape()
        const hidden = tape.record(() => first(x, weight))
        const rows = [...(await tensorData(hidden))].flatMap((v, i) =>
          i % 6 === 0 && v > 0.1 ? [i / 6] : [],
        )
        // Not recorded: it neither changes the gradients nor stays.
        tidy(() => void sum(square(weight)))
        const loss = tape.record(() => second(hidden, rows))
        const [dx, dWeight, dUnused] = tape.gradients([{ y: loss }], [x, weight, unused])
        const [wantX, wantWeight] = grads((a: Tensor, w: Tensor) => second(first(a, w), rows))([x, weight])
        expect(await values(dx!)).toEqual(await values(wantX!))
        expect(await values(dWeight!)).toEqual(await values(wantWeight!))
        expect(dUnused).toBeNull()
        dispose([x, weight, unused, hidden, loss, dx!, dWeight!, wantX!, wantWeight!])
      }))

    it('starts from several outputs with given gradients, and reaches tensors in the middle', () =>
      expectNoLeak(async () => {
        const x = normal(3)
        const tape = new Tape()
        const { middle, end } = tape.record(() => {
          const middle = square(x)
          return { middle, end: mul(middle, 3) as Tensor }
        })
        const dEnd = tensor([1, 2, 3])
        const [dMiddle, dx] = tape.gradients([{ y: end, dy: dEnd }, { y: middle }], [middle, x])
        expect(await values(dMiddle!)).toEqual([4, 7, 10])
        const want = tidy(() => mul(mul(x, 2), dMiddle!))
        expect(await values(dx!)).toEqual(await values(want))
        dispose([x, middle, end, dEnd, dMiddle!, dx!, want])
      }))
  })
}

describe('a tape that is not finished', () => {
  beforeAll(() => useBackend('cpu'))

  it('frees what it kept when disposed, also after an error', () =>
    expectNoLeak(async () => {
      const x = scalar(2)
      const tape = new Tape()
      expect(() =>
        tape.record(() => {
          square(x)
          throw new Error('half way')
        }),
      ).toThrow('half way')
      tape.dispose()
      // The outer state is as it was: gradients by tfjs work as before.
      const dx = tidy(() => grads((a: Tensor) => square(a))([x])[0]!)
      expect(await values(dx)).toEqual([4])
      dispose([x, dx])
    }))
})
