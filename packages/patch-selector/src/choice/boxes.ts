// Between boxes in the picture and patches: boxes to maps and selections, patches to boxes.
import { InvalidArgumentError } from '@ps3js/tensor'
import { mapsToSelection, selectionToPatches } from './selection.ts'
import type { Box, GridSize, Patch, PatchSelection } from './types.ts'
import { requireGrids, requireSize } from './validate.ts'

/** A map of 1 inside the boxes and 0 outside. */
export interface BoxMap extends GridSize {
  readonly data: Uint8Array
}

/**
 * Draws boxes into a map of `mapSize`, as PS3's pre-training does: rows floor(y1) to ceil(y2) and columns floor(x1) to
 * ceil(x2), both inclusive, after scaling from `imageSize` in float32; what lies past the edge is clipped. The inclusive
 * end adds up to a pixel: for the patches that a box touches and no more, use `selectBoxes`.
 *
 * @throws InvalidArgumentError for coordinates that are not finite, x2 < x1, y2 < y1, or a box outside the picture
 */
export function boxesToMap(boxes: readonly Box[], imageSize: GridSize, mapSize: GridSize): BoxMap {
  requireBoxes(boxes, imageSize)
  requireSize('mapSize', mapSize)
  const { height, width } = mapSize
  const scaleY = Math.fround(height / imageSize.height)
  const scaleX = Math.fround(width / imageSize.width)
  const data = new Uint8Array(height * width)
  for (const [x1, y1, x2, y2] of boxes) {
    const left = Math.max(Math.floor(Math.fround(x1 * scaleX)), 0)
    const right = Math.min(Math.ceil(Math.fround(x2 * scaleX)), width - 1)
    const top = Math.max(Math.floor(Math.fround(y1 * scaleY)), 0)
    const bottom = Math.min(Math.ceil(Math.fround(y2 * scaleY)), height - 1)
    for (let row = top; row <= bottom; row++) {
      if (left <= right) data.fill(1, row * width + left, row * width + right + 1)
    }
  }
  return { height, width, data }
}

/**
 * The patches of every scale that share some area with a box; a box without area takes the patch that it lies in.
 *
 * @throws InvalidArgumentError as `boxesToMap`
 */
export function selectBoxes(
  boxes: readonly Box[],
  imageSize: GridSize,
  grids: readonly GridSize[],
): PatchSelection {
  return mapsToSelection(boxPatchMaps(boxes, imageSize, grids), grids)
}

/** `selectBoxes` as one map of 0 and 1 per high scale. */
export function boxPatchMaps(
  boxes: readonly Box[],
  imageSize: GridSize,
  grids: readonly GridSize[],
): Uint8Array[] {
  requireBoxes(boxes, imageSize)
  requireGrids(grids)
  return grids.map((grid) => {
    const map = new Uint8Array(grid.height * grid.width)
    for (const [x1, y1, x2, y2] of boxes) {
      const [top, bottom] = touchedRange(y1, y2, imageSize.height, grid.height)
      const [left, right] = touchedRange(x1, x2, imageSize.width, grid.width)
      for (let row = top; row < bottom; row++) map.fill(1, row * grid.width + left, row * grid.width + right)
    }
    return map
  })
}

/** A patch and where it lies in the picture. */
export interface PatchBox extends Patch {
  readonly box: Box
}

/**
 * Where the chosen patches lie in a picture of `imageSize` pixels, in token order. Edges are fractions of pixels where
 * the grid does not divide the picture. `selectBoxes` of one scale's boxes gives that scale's patches back.
 */
export function patchBoxes(
  selection: PatchSelection,
  grids: readonly GridSize[],
  imageSize: GridSize,
): PatchBox[] {
  requireSize('imageSize', imageSize)
  return selectionToPatches(selection, grids).map((patch) => {
    const grid = grids[patch.scale - 1]!
    const x = (column: number) => (column * imageSize.width) / grid.width
    const y = (row: number) => (row * imageSize.height) / grid.height
    return { ...patch, box: [x(patch.column), y(patch.row), x(patch.column + 1), y(patch.row + 1)] }
  })
}

/** First cell of `cells` that the span touches, and the one after its last. */
function touchedRange(from: number, to: number, pixels: number, cells: number): [start: number, end: number] {
  const start = Math.floor(snap((Math.max(from, 0) * cells) / pixels))
  const end = Math.ceil(snap((Math.min(to, pixels) * cells) / pixels))
  const first = Math.min(start, cells - 1)
  return [first, Math.max(end, first + 1)]
}

/** Patch edges computed as fractions of pixels come back a few units in the last place off; 1e-9 of a cell is no area. */
function snap(value: number): number {
  const whole = Math.round(value)
  return Math.abs(value - whole) < 1e-9 * Math.max(whole, 1) ? whole : value
}

function requireBoxes(boxes: readonly Box[], imageSize: GridSize): void {
  requireSize('imageSize', imageSize)
  boxes.forEach((box, i) => {
    const [x1, y1, x2, y2] = box
    const named = `boxes[${i}] = [${box.join(', ')}]`
    if (box.length !== 4 || !box.every(Number.isFinite)) {
      throw new InvalidArgumentError(`${named} is not four finite numbers; give [x1, y1, x2, y2] in pixels`)
    }
    if (x2 < x1 || y2 < y1) {
      throw new InvalidArgumentError(
        `${named} ends before it starts; give [x1, y1, x2, y2] with x1 <= x2 and y1 <= y2`,
      )
    }
    if (x2 < 0 || y2 < 0 || x1 > imageSize.width || y1 > imageSize.height) {
      throw new InvalidArgumentError(
        `${named} lies outside the picture of ${imageSize.width} x ${imageSize.height} pixels`,
      )
    }
  })
}
