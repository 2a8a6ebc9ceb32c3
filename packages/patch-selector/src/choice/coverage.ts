// As many patches as the picture needs: the fewest whose probabilities hold a share of the whole.
// Ours, beyond the reference: a fixed budget looks as long at an empty wall as at a page of print.
import { shareOut } from './budget.ts'
import { type Constraints, mostProbable, type ScaleField, scaleFields } from './select.ts'
import type { GridSize, PatchSelection, ProbabilityMaps } from './types.ts'
import { requireFraction, requireWhole } from './validate.ts'

export interface CoverageOptions extends Constraints {
  /** Wanted share of each scale's probability mass, 0..1. */
  readonly share: number
  /** No more patches than this over all scales; what is cut is cut in proportion. Default: no limit. */
  readonly maxTokens?: number
}

export interface Coverage {
  readonly selection: PatchSelection
  /** Share of the mass that each high scale holds, with what was taken before. Below `share` only where capped. */
  readonly held: readonly number[]
}

/**
 * Takes, at each scale on its own, the fewest patches that hold `share` of the scale's probability mass. The mass is the
 * sum of the probabilities of the scale's patches (each has that of the map cell it reads), without the excluded ones and
 * those below the minimum probability. Patches taken before count as held.
 *
 * @throws InvalidArgumentError for a share outside 0..1 or a cap that is not a whole number
 */
export function selectCoverage(
  maps: ProbabilityMaps,
  grids: readonly GridSize[],
  options: CoverageOptions,
): Coverage {
  const fields = scaleFields(maps, grids, options)
  const taken = takenMass(fields, options.already)
  const counts = countCoverage(fields, taken, options)
  const selection = { indices: fields.map((field, s) => mostProbable(field, counts[s]!)) }
  const chosen = takenMass(fields, selection)
  const held = fields.map((field, s) => {
    const mass = freeMass(field) + taken[s]!
    return mass === 0 ? 1 : (chosen[s]! + taken[s]!) / mass
  })
  return { selection, held }
}

/** How many patches of each scale `selectCoverage` takes. */
export function coverageCounts(
  maps: ProbabilityMaps,
  grids: readonly GridSize[],
  options: CoverageOptions,
): number[] {
  const fields = scaleFields(maps, grids, options)
  return countCoverage(fields, takenMass(fields, options.already), options)
}

function countCoverage(
  fields: readonly ScaleField[],
  taken: readonly number[],
  { share, maxTokens }: CoverageOptions,
): number[] {
  requireFraction('share', share)
  if (maxTokens !== undefined) requireWhole('maxTokens', maxTokens)
  const counts = fields.map((field, s) => coveringCount(field, taken[s]!, share))
  const total = counts.reduce((sum, count) => sum + count, 0)
  return maxTokens !== undefined && total > maxTokens ? shareOut(counts, maxTokens) : counts
}

function coveringCount(field: ScaleField, taken: number, share: number): number {
  const { map, freePerCell } = field
  const cells: number[] = []
  for (let cell = 0; cell < freePerCell.length; cell++) {
    if (freePerCell[cell]! > 0 && map.data[cell]! > 0) cells.push(cell)
  }
  if (share === 1) return cells.reduce((sum, cell) => sum + freePerCell[cell]!, 0)
  cells.sort((a, b) => map.data[b]! - map.data[a]!)
  let missing = share * (freeMass(field) + taken) - taken
  let count = 0
  for (const cell of cells) {
    if (missing <= 0) break
    // Slack for float64 rounding: a sum that is short by 1e-9 of a patch is not worth one patch more.
    const needed = Math.ceil(missing / map.data[cell]! - 1e-9)
    const patches = Math.min(needed, freePerCell[cell]!)
    count += patches
    missing -= patches * map.data[cell]!
  }
  return count
}

function freeMass({ map, freePerCell }: ScaleField): number {
  let mass = 0
  for (let cell = 0; cell < freePerCell.length; cell++) mass += map.data[cell]! * freePerCell[cell]!
  return mass
}

/** Summed probability of the selected patches, per scale. */
function takenMass(fields: readonly ScaleField[], selection: PatchSelection | undefined): number[] {
  return fields.map(({ map, grid, rows, columns }, s) => {
    let mass = 0
    for (const index of selection?.indices[s] ?? []) {
      const row = Math.floor(index / grid.width)
      mass += map.data[rows[row]! * map.width + columns[index - row * grid.width]!]!
    }
    return mass
  })
}
