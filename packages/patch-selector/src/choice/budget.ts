// How many patches each high scale may take. PS3 (arXiv 2503.19903) shares one look's budget in proportion to pixels.
import { InvalidArgumentError } from '@ps3js/tensor'
import { requireBudget, requirePerScale, requireWhole } from './validate.ts'

/** Where patches go that a scale has no room for: on to later (finer) scales only, or then back to earlier ones too. */
export type Surplus = 'later' | 'any'

/**
 * Shares `maxSelectNum` over the scales above `scales[0]` in proportion to their pixels (side squared), rounded
 * down; the last scale takes what rounding left. 2560 at 378, 756, 1512, 3780 px gives [85, 341, 2134].
 */
export function splitBudget(scales: readonly number[], maxSelectNum: number): number[] {
  if (scales.length < 2) {
    throw new InvalidArgumentError(`${scales.length} scales leave nothing to select from; give at least 2`)
  }
  scales.forEach((scale, i) => {
    requireWhole(`scales[${i}]`, scale, 1)
  })
  requireWhole('maxSelectNum', maxSelectNum, 1)
  return shareOut(
    scales.slice(1).map((scale) => scale * scale),
    maxSelectNum,
  )
}

/** The same proportions for another total. Rounding goes to the last scale. */
export function scaleBudget(budget: readonly number[], total: number): number[] {
  requireBudget(budget)
  requireWhole('total', total)
  return shareOut(budget, total)
}

/**
 * Gives the first `n` high scales the whole budget, in their own proportions. The fewer than n patches that rounding
 * leaves go to the scales after them, one each and the rest to the last: that is where the reference puts them, and
 * selections should agree. Where the reference fails (no share among the first n scales, or more scales left out than
 * patches left over) the total is kept all the same.
 */
export function firstScalesBudget(budget: readonly number[], n: number): number[] {
  const total = requireBudget(budget)
  requireFirstScales(n, budget.length)
  const first = budget.slice(0, n).reduce((sum, share) => sum + share, 0)
  if (first === 0) return budget.map((_, i) => (i === n - 1 ? total : 0))
  // Divided first, multiplied second: the reference's order decides which way a whole number rounds.
  const shares = budget.map((share, i) => (i < n ? Math.floor((share / first) * total) : 0))
  let left = total - shares.reduce((sum, share) => sum + share, 0)
  for (let i = n; i < budget.length - 1 && left > 0; i++, left--) shares[i] = 1
  shares[budget.length - 1]! += left
  return shares
}

/**
 * What can be taken of `budget` when scale i has `available[i]` patches. A scale's surplus moves to the next scale;
 * with `surplus: 'any'` (the default) what the last scale cannot take goes back, finest scale first, so that the total
 * is kept as long as patches exist. `'later'` drops it, as the reference does.
 */
export function allotPatches(
  budget: readonly number[],
  available: readonly number[],
  surplus: Surplus = 'any',
): number[] {
  requirePerScale('budget', budget, budget.length)
  requirePerScale('available', available, budget.length)
  let left = 0
  const counts = budget.map((share, i) => {
    const count = Math.min(share + left, available[i]!)
    left += share - count
    return count
  })
  if (surplus === 'later') return counts
  for (let i = counts.length - 1; i >= 0 && left > 0; i--) {
    const more = Math.min(left, available[i]! - counts[i]!)
    counts[i]! += more
    left -= more
  }
  return counts
}

/** `total` in proportion to `weights`, rounded down; the last takes the rest (everything when all weights are 0). */
export function shareOut(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0)
  const shares = weights.map((weight) => (sum === 0 ? 0 : Math.floor((weight * total) / sum)))
  shares[shares.length - 1]! += total - shares.reduce((all, share) => all + share, 0)
  return shares
}

export function requireFirstScales(n: number, scales: number): void {
  if (!Number.isSafeInteger(n) || n < 1 || n > scales) {
    throw new InvalidArgumentError(
      `firstScales is ${n}; give a whole number from 1 to the ${scales} high scales`,
    )
  }
}
