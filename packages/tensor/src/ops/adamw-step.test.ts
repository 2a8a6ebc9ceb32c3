// AdamW's step on every backend, fused or not, against float64.
import { beforeAll, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { tensorData, useBackend } from '../backend/index.ts'
import { Random } from '../random.ts'
import { dispose, scalar, tensor } from '../tf.ts'
import { adamWStep } from './adamw-step.ts'

const options = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, step: 3 }

/** Fused kernels work on eight elements at a time, and on 16,384 to a task. */
const SIZES = [1, 8, 13, 20_001]

function float64(p: number, g: number, m: number, v: number): [number, number, number] {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options
  const mean = beta1 * m + (1 - beta1) * g
  const square = beta2 * v + (1 - beta2) * g * g
  const change = mean / (1 - beta1 ** step) / (Math.sqrt(square / (1 - beta2 ** step)) + epsilon)
  return [p * (1 - learningRate * weightDecay) - learningRate * change, mean, square]
}

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`adamWStep on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(SIZES)('steps %d elements as float64 does', (size) =>
      expectNoLeak(async () => {
        const random = new Random(size)
        const values = Array.from({ length: 4 }, () => random.fillNormal(new Float32Array(size)))
        // Mean squares are none below zero; the first gradient is zero.
        values[3] = values[3]!.map((x) => x * x)
        values[1]![0] = 0
        const [p, g, m, v] = values.map((array) => tensor(array.slice(), [size]))
        const got = adamWStep(p!, g!, m!, v!, options)
        const arrays = await Promise.all(got.map((x) => tensorData(x)))
        for (let i = 0; i < size; i++) {
          const want = float64(values[0]![i]!, values[1]![i]!, values[2]![i]!, values[3]![i]!)
          // Values up to 10, a handful of float32 roundings.
          want.forEach((x, k) => {
            expect(Math.abs(arrays[k]![i]! - x)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(x)))
          })
        }
        dispose([p!, g!, m!, v!, ...got])
      }),
    )

    it('takes scalars, and refuses shapes that differ', () =>
      expectNoLeak(() => {
        const [one, other] = [scalar(1), tensor([1, 2])]
        const got = adamWStep(one, one, one, one, options)
        expect(got.map(({ shape }) => shape)).toEqual([[], [], []])
        expect(() => adamWStep(other, other, one, other, options)).toThrow('mean is []')
        dispose([one, other, ...got])
      }))
  })
}
