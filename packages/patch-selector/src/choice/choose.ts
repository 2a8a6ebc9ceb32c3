// Probabilities in, looks out: all controls of the choice behind one call, for one picture or a batch.
import { InvalidArgumentError } from '@ps3js/tensor'
import { shareOut } from './budget.ts'
import { coverageCounts } from './coverage.ts'
import { forceGroundTruth, forcePatches, type GroundTruthMap, smoothProbabilities } from './ground-truth.ts'
import { type LookLimits, planBatchLooks, type SamplePlanOptions } from './plan.ts'
import { exclusionMaps, type Region, regionMaps } from './regions.ts'
import { availablePatches, type Constraints, selectPatches } from './select.ts'
import { unionSelections } from './selection.ts'
import type { GridSize, PatchSelection, ProbabilityMaps } from './types.ts'
import { requireBudget, requireFraction, requireGrids, requireMaps, requireWhole } from './validate.ts'

/** What changes the probabilities before the choice. */
export interface AdjustOptions {
  /** A known region, at any resolution: its patches get probability 1, before smoothing (as in the reference). */
  readonly groundTruth?: GroundTruthMap
  /** Average the probabilities into 6 x 6 blocks, or n x n for a number, so that whole regions are taken. */
  readonly smooth?: boolean | number
  /** Taken first: its patches get probability 1, after smoothing. */
  readonly include?: Region
}

/** What may differ between the pictures of a batch. */
export interface SampleChoiceOptions extends AdjustOptions {
  /** Never taken. */
  readonly exclude?: Region
  /** Nothing outside is taken. */
  readonly within?: Region
  /** Patches of a lower probability are not taken. */
  readonly minProbability?: number
  /** Patches taken before; they are not taken again. */
  readonly already?: PatchSelection
  /** Take from the first n high scales only, as long as they have patches. */
  readonly firstScales?: number
  /**
   * Take only as many patches as hold this share (0..1) of each scale's probability mass; `looks` or `tokens`, where
   * given, cap it. See `selectCoverage`.
   */
  readonly coverage?: number
}

/** Everything that a choice can be told; one look unless `looks`, `tokens` or `coverage` says otherwise. */
export interface ChoiceOptions extends SampleChoiceOptions, LookLimits {
  /** Patches per look: per high scale, or in all (then shared in proportion to the grids' patches). */
  readonly budget?: number | readonly number[]
}

/** The picture to choose from. */
export interface ChoiceInput {
  /** Probabilities in 0..1: one map for all high scales, or one each. */
  readonly probabilities: ProbabilityMaps
  /** Patch grid of each high scale. */
  readonly grids: readonly GridSize[]
  /** Size of the picture in pixels; needed for boxes only. */
  readonly imageSize?: GridSize
}

/** A budget is always needed: with coverage it is what one look holds. */
type Budget = { readonly budget: number | readonly number[] }

/** One picture of a batch: what is chosen from, and how. */
export type BatchSample = Omit<ChoiceInput, 'grids'> & SampleChoiceOptions

/**
 * Chooses the patches of one picture: `choosePatches({ probabilities, grids, budget: 2560 })`.
 * Returns the looks, the first one first; no patch is in two of them.
 *
 * @throws InvalidArgumentError when an option is out of range, does not fit the grids, or contradicts another
 */
export function choosePatches(options: ChoiceInput & ChoiceOptions & Budget): PatchSelection[] {
  return chooseBatchPatches(options, [options])[0]!
}

/**
 * The same for the pictures of one batch: `looks[sample][look]`. Every look takes the same number of patches from each
 * picture, so that their tokens fit one tensor; how they spread over the scales may differ. The picture with the fewest
 * patches to take sets the number.
 */
export function chooseBatchPatches(
  shared: Pick<ChoiceInput, 'grids'> & LookLimits & Budget,
  samples: readonly BatchSample[],
): PatchSelection[][] {
  const { grids } = shared
  requireGrids(grids)
  const budget = budgetPerScale(shared.budget, grids)
  const covering = samples.filter((sample) => sample.coverage !== undefined).length
  if (covering !== 0 && covering !== samples.length) {
    throw new InvalidArgumentError(
      `coverage is given for ${covering} of ${samples.length} pictures; give it for all or none`,
    )
  }
  const prepared = samples.map((sample) => prepareSample(sample, grids))
  const plans = planBatchLooks({
    grids,
    budget,
    looks: covering > 0 ? undefined : shared.looks,
    tokens: covering > 0 ? coverageCap(shared, budget) : shared.tokens,
    samples: samples.map((sample, i) => planSample(sample, prepared[i]!, grids)),
  })
  return prepared.map((sample, i) => takeLooks(sample, grids, plans[i]!))
}

/** The probabilities that the choice goes by: forced and smoothed as the options say, in the reference's order. */
export function adjustProbabilities({
  probabilities,
  grids,
  imageSize,
  groundTruth,
  smooth,
  include,
}: ChoiceInput & AdjustOptions): ProbabilityMaps {
  requireMaps(probabilities, grids)
  let adjusted = probabilities
  if (groundTruth) adjusted = forceGroundTruth(adjusted, grids, groundTruth)
  if (smooth) {
    if (smooth !== true) requireWhole('smooth', smooth, 1)
    adjusted = smoothProbabilities(adjusted, grids, smooth === true ? 6 : smooth)
  }
  if (include) adjusted = forcePatches(adjusted, grids, regionMaps(include, grids, imageSize))
  return adjusted
}

interface PreparedSample {
  readonly probabilities: ProbabilityMaps
  readonly constraints: Constraints
}

function prepareSample(sample: BatchSample, grids: readonly GridSize[]): PreparedSample {
  return {
    probabilities: adjustProbabilities({ ...sample, grids }),
    constraints: {
      already: sample.already,
      exclude: exclusionMaps(grids, sample.exclude, sample.within, sample.imageSize),
      minProbability: sample.minProbability,
    },
  }
}

/** Counts what may be taken, but only where that differs from the whole grids. */
function planSample(
  { firstScales, coverage }: BatchSample,
  { probabilities, constraints }: PreparedSample,
  grids: readonly GridSize[],
): SamplePlanOptions {
  if (coverage !== undefined) {
    requireFraction('coverage', coverage)
    const available = coverageCounts(probabilities, grids, { ...constraints, share: coverage })
    return { firstScales, available }
  }
  const limited = constraints.already || constraints.exclude || constraints.minProbability
  return { firstScales, available: limited ? availablePatches(probabilities, grids, constraints) : undefined }
}

function takeLooks(
  { probabilities, constraints }: PreparedSample,
  grids: readonly GridSize[],
  plan: readonly (readonly number[])[],
): PatchSelection[] {
  let already = constraints.already
  return plan.map((counts) => {
    const look = selectPatches(probabilities, grids, counts, { ...constraints, already })
    already = unionSelections(already ? [already, look] : [look], grids)
    return look
  })
}

function budgetPerScale(budget: number | readonly number[], grids: readonly GridSize[]): readonly number[] {
  if (typeof budget !== 'number') {
    requireBudget(budget, grids.length)
    return budget
  }
  requireWhole('budget', budget, 1)
  return shareOut(
    grids.map((grid) => grid.height * grid.width),
    budget,
  )
}

/** The most that a choice by coverage may take: what the looks or tokens asked for would hold. */
function coverageCap({ looks, tokens }: LookLimits, budget: readonly number[]): number | 'all' {
  if (looks !== undefined && tokens !== undefined) {
    throw new InvalidArgumentError(`looks is ${looks} and tokens is ${tokens}; give one of them`)
  }
  if (tokens !== undefined) return tokens
  if (looks === undefined || looks === 'all') return 'all'
  requireWhole('looks', looks)
  return looks * budget.reduce((sum, share) => sum + share, 0)
}
