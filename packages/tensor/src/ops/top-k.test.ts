// Stable top-k: one order on every backend.
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { useBackend } from '../backend/index.ts'
import { InvalidArgumentError } from '../errors.ts'
import { Random } from '../random.ts'
import { tensor } from '../tf.ts'
import { stableTopK, topK } from './top-k.ts'

const numbers = ({ values, indices }: { values: Float32Array; indices: Int32Array }) => ({
  values: [...values],
  indices: [...indices],
})

describe('stableTopK', () => {
  it('takes the largest first and the lowest index among equals', () => {
    expect(numbers(stableTopK([1, 3, 2, 3, 1, 3], 4))).toEqual({
      values: [3, 3, 3, 2],
      indices: [1, 3, 5, 2],
    })
    expect(numbers(stableTopK([0, -0, 0], 2)).indices).toEqual([0, 1])
    expect(numbers(stableTopK(new Float32Array(5), 5)).indices).toEqual([0, 1, 2, 3, 4])
  })

  it('counts NaN as smallest, beside minus infinity', () => {
    const values = [Number.NaN, 1, -Infinity, Number.NaN, 2]
    expect(numbers(stableTopK(values, 5)).indices).toEqual([4, 1, 0, 2, 3])
  })

  it('takes none, one and all', () => {
    expect(numbers(stableTopK([5, 6], 0))).toEqual({ values: [], indices: [] })
    expect(numbers(stableTopK([], 0))).toEqual({ values: [], indices: [] })
    expect(numbers(stableTopK([5, 6], 1)).indices).toEqual([1])
    expect(numbers(stableTopK([5, 6], 2)).indices).toEqual([1, 0])
  })

  it.each([3, -1, 0.5, Number.NaN])('refuses k = %s of 2 values, with both numbers', (k) => {
    expect(() => stableTopK([5, 6], k)).toThrow(InvalidArgumentError)
    expect(() => stableTopK([5, 6], k)).toThrow(`k is ${k}, but there are 2 values`)
  })
})

// Few distinct values, so that the order among equals decides most places.
const random = new Random(4)
const rows = Array.from({ length: 6 }, () => Float32Array.from({ length: 50 }, () => random.integer(7) / 8))
const expected = rows.map((row) => [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, 20))

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`topK on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it('orders each row over the last axis as a stable sort does', () =>
      expectNoLeak(async () => {
        const x = tensor(
          rows.flatMap((row) => [...row]),
          [2, 3, 50],
        )
        const found = await topK(x, 20)
        x.dispose()
        expect(found.map(({ indices }) => [...indices])).toEqual(expected)
        found.forEach(({ values }, row) => {
          expect([...values]).toEqual(expected[row]!.map((i) => rows[row]![i]))
        })
      }))

    it('refuses more than there are', () =>
      expectNoLeak(async () => {
        const x = tensor([1, 2, 3, 4], [2, 2])
        await expect(topK(x, 3)).rejects.toThrow(InvalidArgumentError)
        x.dispose()
      }))
  })
}
