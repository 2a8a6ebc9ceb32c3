import { describe, expect, it } from 'vitest'
import { readFixture } from '../../test/recorded-cases.ts'
import { allotPatches, firstScalesBudget, scaleBudget, splitBudget } from './budget.ts'

interface Budgets {
  split: { scales: number[]; max_select_num: number; each_scale: number[] }[]
  taken: {
    scales: number[]
    max_select_num: number
    num_select_token: number | null
    only_select_first_n_scale: number | null
    already_selected: number[] | null
    taken?: number[]
    error?: string
  }[]
}

const { split, taken } = readFixture<Budgets>('budgets.json')

describe('splitBudget', () => {
  it.each(split)('$max_select_num over $scales', ({ scales, max_select_num, each_scale }) => {
    expect(splitBudget(scales, max_select_num)).toEqual(each_scale)
  })

  it('refuses budgets and scales that cannot be', () => {
    expect(() => splitBudget([378], 10)).toThrow(/at least 2/)
    expect(() => splitBudget([378, 756], 0)).toThrow(/maxSelectNum is 0/)
    expect(() => splitBudget([378, Number.NaN], 5)).toThrow(/NaN/)
  })
})

describe('what one look takes, by the recorded rule', () => {
  it.each(taken)(
    '$max_select_num, tokens $num_select_token, first $only_select_first_n_scale, taken before $already_selected',
    (row) => {
      const full = splitBudget(row.scales, row.max_select_num)
      const tokens = row.num_select_token ?? row.max_select_num
      const wanted = scaleBudget(full, tokens)
      const n = row.only_select_first_n_scale
      const patches = row.scales.slice(1).map((scale) => (scale / 14) ** 2)
      const available = patches.map((count, s) => count - (row.already_selected?.[s] ?? 0))
      const counts = allotPatches(n === null ? wanted : firstScalesBudget(wanted, n), available, 'later')
      // The reference loses the wanted total when both a token count and first scales are asked for, or raises.
      if (row.taken && (n === null || tokens === row.max_select_num)) {
        expect(counts).toEqual(row.taken)
        return
      }
      const filled = allotPatches(firstScalesBudget(wanted, n ?? row.scales.length - 1), available)
      const free = available.reduce((sum, count) => sum + count, 0)
      expect(filled.reduce((sum, count) => sum + count, 0)).toBe(Math.min(tokens, free))
    },
  )
})

describe('scaleBudget', () => {
  it('keeps the total at any size', () => {
    for (let total = 0; total < 400; total += 7) {
      expect(scaleBudget([5, 21, 134], total).reduce((sum, share) => sum + share, 0)).toBe(total)
    }
    expect(() => scaleBudget([0, 0], 5)).toThrow(/at least one scale/)
    expect(() => scaleBudget([1, 2], -5)).toThrow(/total is -5/)
  })
})

describe('firstScalesBudget', () => {
  it('keeps the total where the reference divides by zero or runs out', () => {
    expect(firstScalesBudget([0, 0, 1], 1)).toEqual([1, 0, 0])
    expect(firstScalesBudget([0, 1, 9], 2)).toEqual([0, 10, 0])
    expect(firstScalesBudget([5, 21, 134], 1)).toEqual([160, 0, 0])
    expect(() => firstScalesBudget([5, 21], 0)).toThrow(/firstScales is 0/)
    expect(() => firstScalesBudget([5, 21], 3)).toThrow(/firstScales is 3/)
  })
})

describe('allotPatches', () => {
  it('moves surplus to finer scales, then back from the finest', () => {
    expect(allotPatches([10, 5, 5], [4, 100, 100])).toEqual([4, 11, 5])
    expect(allotPatches([10, 5, 5], [100, 100, 0])).toEqual([10, 10, 0])
    expect(allotPatches([10, 5, 5], [100, 6, 0])).toEqual([14, 6, 0])
    expect(allotPatches([10, 5, 5], [100, 6, 0], 'later')).toEqual([10, 5, 0])
    expect(allotPatches([10, 5, 5], [1, 2, 3])).toEqual([1, 2, 3])
  })
})
