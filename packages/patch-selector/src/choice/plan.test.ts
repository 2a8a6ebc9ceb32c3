import { describe, expect, it } from 'vitest'
import { planBatchLooks, planLooks } from './plan.ts'

const square = (side: number) => ({ height: side, width: side })
const grids4K = [54, 108, 270].map(square)
const budget4K = [85, 341, 2134]
const tiny = { grids: [8, 16, 40].map(square), budget: [5, 21, 134] }

describe('planLooks', () => {
  it('is one look of the budget unless told otherwise', () => {
    expect(planLooks({ grids: grids4K, budget: budget4K })).toEqual([budget4K])
    expect(planLooks({ grids: grids4K, budget: budget4K, looks: 0 })).toEqual([])
    expect(planLooks({ grids: grids4K, budget: budget4K, tokens: 0 })).toEqual([])
  })

  it("takes every patch for 'all', in the fewest looks", () => {
    for (const limits of [{ looks: 'all' as const }, { tokens: 'all' as const }, { tokens: 1e9 }]) {
      const plan = planLooks({ ...tiny, ...limits })
      expect(plan.length).toBe(12)
      expect(columnSums(plan)).toEqual([64, 256, 1600])
    }
    expect(columnSums(planLooks({ grids: grids4K, budget: budget4K, looks: 'all' }))).toEqual([
      2916, 11664, 72900,
    ])
    // Grids whose budget is far from their proportions.
    const odd = planLooks({ grids: [{ height: 7, width: 3 }, square(11)], budget: [1, 30], looks: 'all' })
    expect(columnSums(odd)).toEqual([21, 121])
    expect(odd.length).toBe(Math.ceil(142 / 31))
  })

  it('follows the reference for a number of looks, which loses a few at the end', () => {
    const plan = planLooks({ ...tiny, looks: 1000 })
    expect(plan.length).toBe(12)
    expect(plan.at(-1)).toEqual([5, 21, 126])
  })

  it('takes exactly the tokens asked for, the last look partial', () => {
    for (const tokens of [1, 101, 160, 161, 374, 1919, 1920]) {
      for (const firstScales of [undefined, 3]) {
        const plan = planLooks({ ...tiny, tokens, firstScales })
        expect(total(plan)).toBe(tokens)
        expect(plan.length).toBe(Math.ceil(tokens / 160))
      }
    }
    expect(planLooks({ ...tiny, tokens: 374 })).toEqual([
      [5, 21, 134],
      [5, 21, 134],
      [1, 7, 46],
    ])
  })

  it('stays within the first scales with exact counts', () => {
    expect(planLooks({ ...tiny, tokens: 1, firstScales: 2 })).toEqual([[0, 1, 0]])
    expect(planLooks({ ...tiny, tokens: 83, firstScales: 1 })).toEqual([[64, 0, 0]])
    expect(columnSums(planLooks({ ...tiny, looks: 'all', firstScales: 2 }))).toEqual([64, 256, 0])
    // The reference raises: three high scales, the first only. The total is kept with finer patches.
    expect(planLooks({ ...tiny, looks: 1, firstScales: 1 })).toEqual([
      [64, 0, 0].map((n, i) => n + [0, 96, 0][i]!),
    ])
  })

  it('counts only what is available', () => {
    expect(planLooks({ ...tiny, looks: 'all', available: [3, 0, 10] })).toEqual([[3, 0, 10]])
    expect(planLooks({ ...tiny, looks: 5, available: [0, 0, 0] })).toEqual([])
    expect(total(planLooks({ ...tiny, looks: 3, available: [64, 256, 1] }))).toBe(321)
  })

  it('refuses what cannot be planned', () => {
    expect(() => planLooks({ ...tiny, looks: -1 })).toThrow(/looks is -1/)
    expect(() => planLooks({ ...tiny, tokens: 2.5 })).toThrow(/tokens is 2.5/)
    expect(() => planLooks({ ...tiny, tokens: 5, looks: 1 })).toThrow(/give one of them/)
    expect(() => planLooks({ ...tiny, budget: [0, 0, 0] })).toThrow(/at least one scale/)
    expect(() => planLooks({ ...tiny, available: [1, 2] })).toThrow(/2 entries for 3/)
    expect(() => planBatchLooks({ ...tiny, samples: [] })).toThrow(/samples is empty/)
  })
})

describe('planBatchLooks', () => {
  it('gives every picture the same totals per look', () => {
    const samples = [{ firstScales: 1 }, { firstScales: 2 }, { available: [60, 200, 900] }, {}]
    for (const limits of [
      { looks: 4 },
      { looks: 'all' as const },
      { tokens: 700 },
      { tokens: 'all' as const },
    ]) {
      const plans = planBatchLooks({ ...tiny, ...limits, samples })
      const totals = plans.map((plan) => plan.map((counts) => counts.reduce((sum, n) => sum + n, 0)))
      for (const row of totals) expect(row).toEqual(totals[0])
      expect(columnSums(plans[2]!).every((count, s) => count <= [60, 200, 900][s]!)).toBe(true)
    }
  })
})

function columnSums(plan: number[][]): number[] {
  return plan[0]!.map((_, s) => plan.reduce((sum, counts) => sum + counts[s]!, 0))
}

function total(plan: number[][]): number {
  return plan.flat().reduce((sum, n) => sum + n, 0)
}
