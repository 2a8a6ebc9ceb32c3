// Sets of patches: counting, joining, and conversion to maps and lists and back.
import { InvalidArgumentError } from '@ps3js/tensor'
import type { GridSize, Patch, PatchMaps, PatchSelection } from './types.ts'
import { requireGrids, requirePatchMaps, requireSelection, requireWhole } from './validate.ts'

/** Number of chosen patches over all scales. */
export function countPatches(selection: PatchSelection): number {
  return selection.indices.reduce((sum, indices) => sum + indices.length, 0)
}

/** Every patch that is in one of the selections, once; none for an empty list. */
export function unionSelections(
  selections: readonly PatchSelection[],
  grids: readonly GridSize[],
): PatchSelection {
  for (const selection of selections) requireSelection(selection, grids)
  return join(selections, grids.length)
}

/** The patches of `from` that are not in `taken`. */
export function subtractSelection(from: PatchSelection, taken: PatchSelection): PatchSelection {
  return {
    indices: from.indices.map((indices, s) => {
      const gone = new Set(taken.indices[s])
      return indices.filter((index) => !gone.has(index))
    }),
  }
}

/** Throws an InvalidArgumentError naming the first patch that is in more than one of the selections. */
export function requireDisjoint(selections: readonly PatchSelection[]): void {
  const scales = Math.max(0, ...selections.map((selection) => selection.indices.length))
  for (let s = 0; s < scales; s++) {
    const sorted = concat(selections, s).sort()
    const twice = sorted.findIndex((index, i) => i > 0 && index === sorted[i - 1])
    if (twice >= 0) {
      throw new InvalidArgumentError(
        `patch ${sorted[twice]} of scale ${s + 1} is in two selections; pass what is already taken to the later choice`,
      )
    }
  }
}

/**
 * Joins the looks of one picture. `order[i]` says where the i-th patch of the joint selection (scale by scale,
 * row-major) stands when the looks' patches are written one look after the other: gathering tokens by `order` sorts them.
 *
 * @throws InvalidArgumentError when two looks hold the same patch
 */
export function mergeLooks(looks: readonly PatchSelection[]): {
  selection: PatchSelection
  order: Int32Array
} {
  requireDisjoint(looks)
  const selection = join(looks, looks[0]?.indices.length ?? 0)
  const order = new Int32Array(countPatches(selection))
  // starts[look]: where the look's patches of the current scale start in look order.
  const sizes = looks.map(countPatches)
  const starts = sizes.map((_, look) => sizes.slice(0, look).reduce((sum, size) => sum + size, 0))
  let to = 0
  selection.indices.forEach((merged, s) => {
    const heads = looks.map(() => 0)
    for (const index of merged) {
      const look = looks.findIndex((candidate, k) => candidate.indices[s]![heads[k]!] === index)
      order[to++] = starts[look]! + heads[look]!++
    }
    heads.forEach((taken, look) => {
      starts[look]! += taken
    })
  })
  return { selection, order }
}

/** Per high scale a row-major map of 1 where a patch is chosen and 0 elsewhere. */
export function selectionToMaps(selection: PatchSelection, grids: readonly GridSize[]): Uint8Array[] {
  requireGrids(grids)
  requireSelection(selection, grids)
  return grids.map((grid, s) => {
    const map = new Uint8Array(grid.height * grid.width)
    for (const index of selection.indices[s]!) map[index] = 1
    return map
  })
}

/** The patches whose map value is not 0. */
export function mapsToSelection(maps: PatchMaps, grids: readonly GridSize[]): PatchSelection {
  requireGrids(grids)
  requirePatchMaps('maps', maps, grids)
  return {
    indices: maps.map((map) => {
      const chosen: number[] = []
      map.forEach((value, index) => {
        if (value !== 0) chosen.push(index)
      })
      return Int32Array.from(chosen)
    }),
  }
}

/** The chosen patches in token order: scale by scale, row-major. */
export function selectionToPatches(selection: PatchSelection, grids: readonly GridSize[]): Patch[] {
  requireSelection(selection, grids)
  return selection.indices.flatMap((indices, s) => {
    const { width } = grids[s]!
    return Array.from(indices, (index) => ({
      scale: s + 1,
      row: Math.floor(index / width),
      column: index % width,
    }))
  })
}

/** The selection of these patches, in any order; repeats count once. */
export function patchesToSelection(patches: readonly Patch[], grids: readonly GridSize[]): PatchSelection {
  requireGrids(grids)
  const maps = grids.map((grid) => new Uint8Array(grid.height * grid.width))
  for (const { scale, row, column } of patches) {
    requireWhole('scale', scale, 1)
    requireWhole('row', row)
    requireWhole('column', column)
    const grid = grids[scale - 1]
    if (!grid)
      throw new InvalidArgumentError(`scale ${scale} does not exist; there are ${grids.length} high scales`)
    if (row >= grid.height || column >= grid.width) {
      throw new InvalidArgumentError(
        `patch (${row}, ${column}) is outside scale ${scale}'s grid of ${grid.height} x ${grid.width}`,
      )
    }
    maps[scale - 1]![row * grid.width + column] = 1
  }
  return mapsToSelection(maps, grids)
}

function join(selections: readonly PatchSelection[], scales: number): PatchSelection {
  const indices = Array.from({ length: scales }, (_, s) => {
    const sorted = concat(selections, s).sort()
    return sorted.filter((index, i) => i === 0 || index !== sorted[i - 1])
  })
  return { indices }
}

function concat(selections: readonly PatchSelection[], scale: number): Int32Array {
  const parts = selections.map((selection) => selection.indices[scale] ?? new Int32Array(0))
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}
