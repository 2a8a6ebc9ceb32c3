// How many patches each look takes from each scale, before any probability is known: counts depend on sizes alone.
// Controls of PS3 (arXiv 2503.19903): number of looks, total tokens, first n scales.
import { InvalidArgumentError } from '@ps3js/tensor'
import { allotPatches, firstScalesBudget, requireFirstScales, type Surplus, shareOut } from './budget.ts'
import type { GridSize } from './types.ts'
import { requireBudget, requireGrids, requirePerScale, requireWhole } from './validate.ts'

/** How long to look. Give `looks` or `tokens`, not both; without either it is one look. */
export interface LookLimits {
  /** Number of looks, each of the whole budget (fewer when the patches run out), or all patches there are. */
  readonly looks?: number | 'all'
  /** Total number of patches: full looks, and a partial last one for what remains. */
  readonly tokens?: number | 'all'
}

export interface LookPlanOptions extends LookLimits {
  /** Patch grid of each high scale. */
  readonly grids: readonly GridSize[]
  /** Patches per look from each high scale. */
  readonly budget: readonly number[]
  /** Take from the first n high scales only, as long as they have patches. Default: all of them. */
  readonly firstScales?: number
  /** Patches that may be taken per scale, where that is less than the whole grid. */
  readonly available?: readonly number[]
}

/** What may differ between the pictures of one batch. */
export interface SamplePlanOptions {
  readonly firstScales?: number
  readonly available?: readonly number[]
}

export interface BatchPlanOptions extends LookLimits {
  readonly grids: readonly GridSize[]
  readonly budget: readonly number[]
  readonly samples: readonly SamplePlanOptions[]
}

/**
 * Patches per look and high scale: `plan[look][scale - 1]`. Together they are exact: `'all'` takes every patch (of the
 * first scales asked for), `tokens` exactly that many while they exist. A number of looks follows the reference: every
 * look has the budget, surplus moves to finer scales, and no more looks are planned than `'all'` would need.
 *
 * @throws InvalidArgumentError for negative, fractional or NaN counts, a budget of 0, or both `looks` and `tokens`.
 */
export function planLooks(options: LookPlanOptions): number[][] {
  const { firstScales, available, ...shared } = options
  return planBatchLooks({ ...shared, samples: [{ firstScales, available }] })[0]!
}

/**
 * Plans for the pictures of one batch: `plans[sample][look][scale - 1]`. Scales may share differently per picture, but
 * every look has the same total for all of them, so that their tokens fit one tensor; the picture with the fewest
 * patches sets it.
 */
export function planBatchLooks({ grids, budget, samples, looks, tokens }: BatchPlanOptions): number[][][] {
  requireGrids(grids)
  const perLook = requireBudget(budget, grids.length)
  if (looks !== undefined && tokens !== undefined) {
    throw new InvalidArgumentError(`looks is ${looks} and tokens is ${tokens}; give one of them`)
  }
  if (samples.length === 0) throw new InvalidArgumentError('samples is empty; give one entry per picture')
  const firstScales = samples.map((sample) => sample.firstScales ?? grids.length)
  const patches = grids.map((grid) => grid.height * grid.width)
  const remaining = samples.map(({ available = patches }, i) => {
    requireFirstScales(firstScales[i]!, grids.length)
    requirePerScale('available', available, grids.length)
    return available.map((count, scale) => Math.min(count, patches[scale]!))
  })
  // A picture may go past its own first scales, to keep the total, but not past those of the whole batch.
  const reach = Math.max(...firstScales)
  const within = Math.min(...remaining.map((counts) => sum(counts.slice(0, reach))))

  if (tokens !== undefined || looks === 'all') {
    if (typeof tokens === 'number') requireWhole('tokens', tokens)
    for (const counts of remaining) counts.fill(0, reach)
    return planExact(
      budget,
      firstScales,
      remaining,
      Math.min(typeof tokens === 'number' ? tokens : within, within),
    )
  }
  requireWhole('looks', looks ?? 1)
  // Pictures that differ need 'any' to end with the same totals; alike ones follow the reference.
  const alike = samples.every((sample) => sample.firstScales === undefined && sample.available === undefined)
  const count = Math.min(looks ?? 1, Math.ceil(within / perLook))
  return planFullLooks(budget, firstScales, remaining, count, alike ? 'later' : 'any')
}

/** Full looks and a partial last one, `total` patches in all, shared among each picture's first scales. */
function planExact(
  budget: readonly number[],
  firstScales: readonly number[],
  remaining: readonly number[][],
  total: number,
): number[][][] {
  const perLook = sum(budget)
  const plans = remaining.map((): number[][] => [])
  for (let left = total; left > 0; left -= perLook) {
    const size = Math.min(left, perLook)
    remaining.forEach((available, i) => {
      const first = shareOut(budget.slice(0, firstScales[i]), size)
      const shares = budget.map((_, scale) => first[scale] ?? 0)
      plans[i]!.push(take(shares, available, 'any'))
    })
  }
  return plans
}

/** `count` looks of the whole budget each. */
function planFullLooks(
  budget: readonly number[],
  firstScales: readonly number[],
  remaining: readonly number[][],
  count: number,
  surplus: Surplus,
): number[][][] {
  const perLook = sum(budget)
  const budgets = firstScales.map((n) => (n < budget.length ? firstScalesBudget(budget, n) : [...budget]))
  const plans = remaining.map((): number[][] => [])
  for (let look = 0; look < count; look++) {
    const common = Math.min(perLook, ...remaining.map(sum))
    remaining.forEach((available, i) => {
      const shares = surplus === 'later' || common === perLook ? budgets[i]! : shareOut(budgets[i]!, common)
      plans[i]!.push(take(shares, available, surplus))
    })
  }
  return plans
}

/** Allots one look and takes it off `available`, in place. */
function take(shares: readonly number[], available: number[], surplus: Surplus): number[] {
  const counts = allotPatches(shares, available, surplus)
  counts.forEach((count, scale) => {
    available[scale]! -= count
  })
  return counts
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
