// Border checks shared by the choice functions: each message names the thing, both numbers and what to do.
import { InvalidArgumentError } from '@ps3js/tensor'
import type { GridSize, PatchMaps, PatchSelection, ProbabilityMap, ProbabilityMaps } from './types.ts'

/** A whole number of at least `least`. */
export function requireWhole(name: string, value: number, least = 0): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InvalidArgumentError(`${name} is ${value}; give a whole number of at least ${least}`)
  }
}

export function requireFraction(name: string, value: number): void {
  if (!(value >= 0 && value <= 1))
    throw new InvalidArgumentError(`${name} is ${value}; give a number from 0 to 1`)
}

export function requireSize(name: string, size: GridSize): void {
  requireWhole(`${name}.height`, size.height, 1)
  requireWhole(`${name}.width`, size.width, 1)
}

export function requireGrids(grids: readonly GridSize[]): void {
  if (grids.length === 0) throw new InvalidArgumentError('grids is empty; give one size per high scale')
  grids.forEach((grid, i) => {
    requireSize(`grids[${i}]`, grid)
  })
}

/** Whole numbers, as many as there are high scales. */
export function requirePerScale(name: string, values: readonly number[], scales: number): void {
  if (values.length !== scales) {
    throw new InvalidArgumentError(
      `${name} has ${values.length} entries for ${scales} high scales; give one each`,
    )
  }
  values.forEach((value, i) => {
    requireWhole(`${name}[${i}]`, value)
  })
}

/** A budget that can choose something. */
export function requireBudget(budget: readonly number[], scales = budget.length): number {
  requirePerScale('budget', budget, scales)
  const total = budget.reduce((sum, share) => sum + share, 0)
  if (total === 0) {
    throw new InvalidArgumentError('the budget is 0 patches on every scale; give at least one scale a share')
  }
  return total
}

function requireMap(name: string, map: ProbabilityMap): void {
  requireSize(name, map)
  if (map.data.length !== map.height * map.width) {
    throw new InvalidArgumentError(
      `${name} holds ${map.data.length} values; ${map.height} x ${map.width} need ${map.height * map.width}`,
    )
  }
  for (let i = 0; i < map.data.length; i++) {
    const value = map.data[i]!
    if (!(value >= 0 && value <= 1)) {
      throw new InvalidArgumentError(
        `${name} is ${value} at row ${Math.floor(i / map.width)}, column ${i % map.width}; ` +
          'probabilities lie between 0 and 1 (pass logits through a sigmoid first)',
      )
    }
  }
}

/** The map of each high scale, checked. A shared map is checked once and returned for every scale. */
export function requireMaps(maps: ProbabilityMaps, grids: readonly GridSize[]): ProbabilityMap[] {
  requireGrids(grids)
  if (!isPerScale(maps)) {
    requireMap('the probability map', maps)
    return grids.map(() => maps)
  }
  if (maps.length !== grids.length) {
    throw new InvalidArgumentError(
      `${maps.length} probability maps for ${grids.length} high scales; give one map in all or one each`,
    )
  }
  maps.forEach((map, i) => {
    requireMap(`the probability map of scale ${i + 1}`, map)
  })
  return [...maps]
}

/** Ascending indices within each grid. */
export function requireSelection(selection: PatchSelection, grids: readonly GridSize[]): void {
  if (selection.indices.length !== grids.length) {
    throw new InvalidArgumentError(
      `the selection covers ${selection.indices.length} high scales, the grids ${grids.length}`,
    )
  }
  selection.indices.forEach((indices, s) => {
    const { height, width } = grids[s]!
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!
      if (index < 0 || index >= height * width) {
        throw new InvalidArgumentError(
          `patch ${index} of scale ${s + 1} is outside its grid of ${height} x ${width} = ${height * width}`,
        )
      }
      if (i > 0 && index <= indices[i - 1]!) {
        throw new InvalidArgumentError(
          `scale ${s + 1} lists patch ${index} after ${indices[i - 1]}; indices must ascend without repeats`,
        )
      }
    }
  })
}

export function requirePatchMaps(name: string, maps: PatchMaps, grids: readonly GridSize[]): void {
  if (maps.length !== grids.length) {
    throw new InvalidArgumentError(
      `${name} has ${maps.length} maps for ${grids.length} high scales; give one each`,
    )
  }
  maps.forEach((map, s) => {
    const size = grids[s]!.height * grids[s]!.width
    if (map.length !== size) {
      throw new InvalidArgumentError(
        `${name} of scale ${s + 1} holds ${map.length} values; its grid of ` +
          `${grids[s]!.height} x ${grids[s]!.width} needs ${size}`,
      )
    }
  })
}

function isPerScale(maps: ProbabilityMaps): maps is readonly ProbabilityMap[] {
  return Array.isArray(maps)
}
