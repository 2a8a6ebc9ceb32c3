// Places that a person points at: boxes drawn over the picture, chosen patches, or maps per scale.
import { InvalidArgumentError } from '@ps3js/tensor'
import { boxPatchMaps } from './boxes.ts'
import { selectionToMaps } from './selection.ts'
import type { Box, GridSize, PatchMaps, PatchSelection } from './types.ts'
import { requirePatchMaps } from './validate.ts'

/** Boxes in pixels of the picture, a selection, or per high scale a map that is not 0 inside. */
export type Region = readonly Box[] | PatchSelection | PatchMaps

/**
 * The region's patches as one map per high scale; boxes count for every patch that they share area with.
 *
 * @throws InvalidArgumentError for boxes without an `imageSize`, or a region that does not fit the grids
 */
export function regionMaps(region: Region, grids: readonly GridSize[], imageSize?: GridSize): PatchMaps {
  if ('indices' in region) return selectionToMaps(region, grids)
  if (isMaps(region)) {
    requirePatchMaps('the region', region, grids)
    return region
  }
  if (imageSize === undefined) {
    throw new InvalidArgumentError(
      'boxes are in pixels: give the imageSize of the picture that they belong to',
    )
  }
  return boxPatchMaps(region, imageSize, grids)
}

/** What must not be taken: everything inside `exclude` and everything outside `within`. */
export function exclusionMaps(
  grids: readonly GridSize[],
  exclude: Region | undefined,
  within: Region | undefined,
  imageSize?: GridSize,
): PatchMaps | undefined {
  if (!exclude && !within) return undefined
  const outside = exclude ? regionMaps(exclude, grids, imageSize) : []
  const inside = within ? regionMaps(within, grids, imageSize) : []
  return grids.map((grid, s) => {
    const excluded = outside[s]
    const allowed = inside[s]
    const map = new Uint8Array(grid.height * grid.width)
    for (let i = 0; i < map.length; i++) {
      if ((excluded && excluded[i] !== 0) || (allowed && allowed[i] === 0)) map[i] = 1
    }
    return map
  })
}

function isMaps(region: readonly Box[] | PatchMaps): region is PatchMaps {
  return region[0] instanceof Uint8Array
}
