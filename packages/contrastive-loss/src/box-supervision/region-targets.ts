// Regions as targets on each scale's grid of patches: a patch counts when any of it is inside.

import { InvalidArgumentError, type Tensor, tensor3d } from '@ps3js/tensor'

/** What a caption is about: a map of any size with values in 0..1, row-major. */
export interface RegionMap {
  readonly height: number
  readonly width: number
  readonly data: ArrayLike<number>
}

/** A scale's patches. */
export interface RegionGrid {
  readonly height: number
  readonly width: number
}

/**
 * Targets of 0 and 1 for each grid, [B, height, width]: 1 where the area average of a sample's region is above 0. They
 * belong to the caller and serve both the bottom-up and the top-down probabilities. Throws InvalidArgumentError for maps
 * that are empty, of the wrong length, or hold NaN or values outside 0..1.
 */
export function regionTargets(regions: readonly RegionMap[], grids: readonly RegionGrid[]): Tensor[] {
  if (regions.length === 0)
    throw new InvalidArgumentError('regionTargets: no regions, expected one per sample')
  regions.forEach(checkRegion)
  for (const { height, width } of grids) {
    if (Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0) continue
    throw new InvalidArgumentError(`regionTargets: a grid is ${height} x ${width}, expected at least 1 x 1`)
  }
  return grids.map((grid) => {
    const cells = grid.height * grid.width
    const values = new Float32Array(regions.length * cells)
    regions.forEach((region, i) => {
      mark(region, grid, values.subarray(i * cells, (i + 1) * cells))
    })
    return tensor3d(values, [regions.length, grid.height, grid.width])
  })
}

/** The windows of area resampling: from floor(i * size / cells) to ceil((i + 1) * size / cells). */
function mark({ height, width, data }: RegionMap, grid: RegionGrid, targets: Float32Array): void {
  for (let row = 0; row < grid.height; row++) {
    const top = Math.floor((row * height) / grid.height)
    const bottom = Math.ceil(((row + 1) * height) / grid.height)
    for (let column = 0; column < grid.width; column++) {
      const left = Math.floor((column * width) / grid.width)
      const right = Math.ceil(((column + 1) * width) / grid.width)
      targets[row * grid.width + column] = anyInside(data, width, top, bottom, left, right) ? 1 : 0
    }
  }
}

function anyInside(
  data: ArrayLike<number>,
  width: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
): boolean {
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) if (data[y * width + x]! > 0) return true
  }
  return false
}

function checkRegion({ height, width, data }: RegionMap, sample: number): void {
  if (!(height > 0 && width > 0) || data.length !== height * width) {
    throw new InvalidArgumentError(
      `region ${sample} is ${height} x ${width} with ${data.length} values, expected at least 1 x 1 and as many values`,
    )
  }
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!
    if (value >= 0 && value <= 1) continue
    throw new InvalidArgumentError(
      `region ${sample} holds ${value} at row ${Math.floor(i / width)}, column ${i % width}: expected 0 to 1`,
    )
  }
}
