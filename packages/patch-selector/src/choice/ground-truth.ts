// Probabilities changed before the choice: forced to 1 inside a known region, or smoothed into 6 x 6 blocks.
// Ground-truth selection of PS3 pre-training (arXiv 2503.19903).
import { InvalidArgumentError } from '@ps3js/tensor'
import { areaWindow, nearestSource, resizeArea, resizeNearest } from './resample.ts'
import type { GridSize, PatchMaps, ProbabilityMap, ProbabilityMaps } from './types.ts'
import { requireMaps, requirePatchMaps, requireSize, requireWhole } from './validate.ts'

/** A picture's region at any resolution: 0 outside; 1, 255, true or any part of 1 inside. */
export interface GroundTruthMap extends GridSize {
  readonly data: ArrayLike<number | boolean>
}

/**
 * Sets the probability to 1 wherever the region touches.
 *
 * As in the reference, the region is brought to the first high scale's grid (a cell counts when any part of it is
 * inside) and from there to the other grids by nearest. The reference keeps the map's type on the way, so whole-number
 * maps lose their partly covered cells; here none is lost, whatever the type.
 *
 * @returns one map per high scale, at the scale's own grid: grids that do not divide need it
 * @throws InvalidArgumentError for wrong sizes, negative or NaN values
 */
export function forceGroundTruth(
  maps: ProbabilityMaps,
  grids: readonly GridSize[],
  region: GroundTruthMap,
): ProbabilityMap[] {
  requireMaps(maps, grids)
  const first = grids[0]!
  const touched = touchedCells(region, first)
  const masks = grids.map((grid) => {
    const rows = nearestSource(first.height, grid.height)
    const columns = nearestSource(first.width, grid.width)
    const mask = new Uint8Array(grid.height * grid.width)
    for (let row = 0, to = 0; row < grid.height; row++) {
      const from = rows[row]! * first.width
      for (let column = 0; column < grid.width; column++) mask[to++] = touched[from + columns[column]!]!
    }
    return mask
  })
  return forcePatches(maps, grids, masks)
}

/** Sets the probability to 1 for the patches whose mask is not 0; one map per high scale, at its own grid. */
export function forcePatches(
  maps: ProbabilityMaps,
  grids: readonly GridSize[],
  masks: PatchMaps,
): ProbabilityMap[] {
  const perScale = requireMaps(maps, grids)
  requirePatchMaps('masks', masks, grids)
  return grids.map((grid, s) => {
    const forced = resizeNearest(perScale[s]!, grid)
    masks[s]!.forEach((value, i) => {
      if (value !== 0) forced.data[i] = 1
    })
    return forced
  })
}

/**
 * Averages each scale's probabilities into `cells` x `cells` blocks, so that whole regions are chosen instead of scattered
 * patches. Done after forcing, as in the reference. The averages differ per scale by rounding, which can break ties;
 * hence one map per scale (each `cells` x `cells`).
 */
export function smoothProbabilities(
  maps: ProbabilityMaps,
  grids: readonly GridSize[],
  cells = 6,
): ProbabilityMap[] {
  const perScale = requireMaps(maps, grids)
  requireWhole('cells', cells, 1)
  return grids.map((grid, s) =>
    resizeArea(resizeNearest(perScale[s]!, grid), { height: cells, width: cells }),
  )
}

/** 1 for the cells of `size` that hold any positive value of `region`. */
function touchedCells(region: GroundTruthMap, size: GridSize): Uint8Array {
  requireSize('the ground-truth map', region)
  const { data, height, width } = region
  if (data.length !== height * width) {
    throw new InvalidArgumentError(
      `the ground-truth map holds ${data.length} values; ${height} x ${width} need ${height * width}`,
    )
  }
  for (let i = 0; i < data.length; i++) {
    if (!(Number(data[i]) >= 0)) {
      throw new InvalidArgumentError(
        `the ground-truth map is ${data[i]} at row ${Math.floor(i / width)}, column ${i % width}; give 0 or more`,
      )
    }
  }
  const touched = new Uint8Array(size.height * size.width)
  for (let row = 0, to = 0; row < size.height; row++) {
    const [top, bottom] = areaWindow(row, height, size.height)
    for (let column = 0; column < size.width; column++, to++) {
      const [left, right] = areaWindow(column, width, size.width)
      for (let y = top; y < bottom && touched[to] === 0; y++) {
        for (let x = left; x < right; x++) {
          if (Number(data[y * width + x]) > 0) {
            touched[to] = 1
            break
          }
        }
      }
    }
  }
  return touched
}
