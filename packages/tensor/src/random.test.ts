// The generator against known answers, its state, and the moments of what it draws.
import { describe, expect, it } from 'vitest'
import { Random } from './random.ts'

// From a second implementation (Python, unbounded integers): splitmix32 fills a, b and c, the counter starts at 1, and
// twelve sfc32 outputs are dropped.
const KNOWN: [seed: number, outputs: number[]][] = [
  [0, [2899526011, 769844623, 220372281, 4270301181, 3717780726]],
  [1, [2420951833, 2513034076, 3847892949, 4064752930, 1169703512]],
  [42, [1959603763, 2423114712, 2466933512, 4144396390, 3569536208]],
  [2 ** 32 - 1, [2300869303, 3917632794, 3726809994, 1136427174, 1916388865]],
]
const COUNT = 100_000

const moments = (values: Float32Array) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const central = (power: number) => values.reduce((a, b) => a + (b - mean) ** power, 0) / values.length
  return { mean, variance: central(2), skew: central(3), kurtosis: central(4) / central(2) ** 2 }
}

describe('Random', () => {
  it.each(KNOWN)('seed %i gives the known stream', (seed, outputs) => {
    const random = new Random(seed)
    expect(outputs.map(() => random.uint32())).toEqual(outputs)
  })

  it('takes -1 for 2^32 - 1, as module names are mixed into seeds as signed numbers', () => {
    expect(new Random(-1).uint32()).toBe(KNOWN[3]![1][0])
  })

  it('continues from a state that went through JSON', () => {
    const random = new Random(7)
    random.fillNormal(new Float32Array(5))
    const state = JSON.parse(JSON.stringify(random.state))
    const next = [random.uint32(), random.uniform(), random.integer(10)]
    const again = new Random(state)
    expect([again.uint32(), again.uniform(), again.integer(10)]).toEqual(next)
    expect(again.state).toEqual(random.state)
  })

  // Means of n draws scatter by their deviation over sqrt(n) = 316: bounds are five of those, and seeds are fixed.
  it('draws uniforms of the right moments, never the upper bound', () => {
    const values = new Random(1).fillUniform(new Float32Array(COUNT), -2, 4)
    const { mean, variance } = moments(values)
    expect(Math.abs(mean - 1)).toBeLessThan((5 * Math.sqrt(3)) / Math.sqrt(COUNT))
    expect(Math.abs(variance - 3)).toBeLessThan((5 * 3) / Math.sqrt(COUNT))
    const random = new Random(2)
    for (let i = 0; i < 1000; i++) {
      const u = random.uniform()
      expect(u >= 0 && u < 1).toBe(true)
    }
  })

  it('draws finite normals of the right moments, for odd lengths too', () => {
    const values = new Random(3).fillNormal(new Float32Array(COUNT + 1), 2, 5)
    expect(values.every(Number.isFinite)).toBe(true)
    const { mean, variance, skew, kurtosis } = moments(values)
    expect(Math.abs(mean - 5)).toBeLessThan((5 * 2) / Math.sqrt(COUNT))
    expect(Math.abs(variance - 4)).toBeLessThan((5 * 4 * Math.SQRT2) / Math.sqrt(COUNT))
    expect(Math.abs(skew / 8)).toBeLessThan((5 * Math.sqrt(6)) / Math.sqrt(COUNT))
    expect(Math.abs(kurtosis - 3)).toBeLessThan((5 * Math.sqrt(24)) / Math.sqrt(COUNT))
  })

  it('stays finite where the logarithm is at its edges', () => {
    const largest = 2 ** 32 - 1
    const numbers = [0, 0, largest, 0]
    const random = new Random(0)
    random.uint32 = () => numbers.shift()!
    const values = random.fillNormal(new Float32Array(4))
    expect(values.every(Number.isFinite)).toBe(true)
    // sqrt(-2 ln 2^-32): no normal is ever larger.
    expect(values[2]).toBeCloseTo(6.66, 2)
  })

  it('draws integers evenly', () => {
    const random = new Random(5)
    const counts = new Array<number>(6).fill(0)
    for (let i = 0; i < 60_000; i++) counts[random.integer(6)]!++
    // Chi-squared with 5 degrees of freedom is below 20.5 with probability 0.999.
    expect(counts.reduce((total, n) => total + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(20.5)
  })

  it('shuffles into every order equally often', () => {
    const random = new Random(6)
    const counts = new Map<string, number>()
    for (let i = 0; i < 12_000; i++) {
      const order = random.shuffle(['a', 'b', 'c']).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    expect([...counts.values()].reduce((total, n) => total + (n - 2000) ** 2 / 2000, 0)).toBeLessThan(20.5)
  })
})
