// Which patches a question is answered from while the model learns to read them: what is asked about first, then what may
// be taken for it, then others. Whole blocks are taken, as only complete blocks become tokens.

import {
  type Box,
  boxPatchMaps,
  type GridSize,
  type PatchSelection,
  type ProbabilityMap,
} from '@ps3js/patch-selector'

export interface ForcedSelection {
  /** Taken first; what is nearest to them is told by these. */
  boxes: readonly Box[]
  /** Taken one after the other, as long as the budget lasts. */
  others: readonly (readonly Box[])[]
  /** What boxes are measured in, in pixels. */
  imageSize: GridSize
  /** Patch grid of each scale above the first. */
  grids: readonly GridSize[]
  /** Patches of each of these scales, all of which are taken. */
  budget: readonly number[]
  /** Patches along each side of the block that becomes one token. */
  block: number
  /** What the rest is taken by: places that this map finds most probable; without it, those nearest to the boxes. */
  probabilities?: ProbabilityMap | undefined
}

/** Exactly the budget's patches at every scale that has so many. */
export function forcedSelection(options: ForcedSelection): PatchSelection {
  const { boxes, others, imageSize, grids, budget, block, probabilities } = options
  const tiers = [boxes, ...others].map((some) => boxPatchMaps(some, imageSize, grids))
  const indices = grids.map((grid, scale) => {
    const cells = blocksOf(grid, block)
    const score = probabilities ? probable(probabilities, grid) : near(boxes, imageSize, grid)
    const tierOf = firstTiers(tiers.map((maps) => maps[scale]!))
    const rank = new Float64Array(cells.length)
    cells.forEach((patches, cell) => {
      let tier = tiers.length
      for (const patch of patches) tier = Math.min(tier, tierOf[patch]!)
      // Any tier outweighs any score.
      rank[cell] = tier * FAR - score(patches[0]!)
    })
    const taken: number[] = []
    for (const cell of firstOf(rank, budget[scale]! / block ** 2 + partialBlocks(grid, block))) {
      taken.push(...cells[cell]!)
    }
    return Int32Array.from(taken.slice(0, budget[scale]!)).sort()
  })
  return { indices }
}

/** Of each patch the first map that has it; their number where none does. */
function firstTiers(maps: readonly Uint8Array[]): Uint8Array {
  const tiers = new Uint8Array(maps[0]!.length).fill(maps.length)
  for (let tier = maps.length - 1; tier >= 0; tier--) {
    const map = maps[tier]!
    for (let patch = 0; patch < map.length; patch++) if (map[patch] === 1) tiers[patch] = tier
  }
  return tiers
}

/** Above every squared distance in patches, and every probability. */
const FAR = 1e6

/** Blocks that the grid's right and bottom edges may cut. */
const partialBlocks = ({ height, width }: GridSize, block: number): number =>
  Math.ceil(height / block) + Math.ceil(width / block)

/** At least `count` places of `values`, the smallest value first; equal ones stay in order. Sorts no more than it gives. */
function firstOf(values: Float64Array, count: number): number[] {
  const threshold = nthSmallest(values.slice(), Math.min(values.length - 1, Math.ceil(count)))
  const places: number[] = []
  for (let place = 0; place < values.length; place++) if (values[place]! <= threshold) places.push(place)
  return places.sort((a, b) => values[a]! - values[b]!)
}

/** Quickselect (Hoare), in a hundredth of the time of sorting. Reorders the values. */
function nthSmallest(values: Float64Array, n: number): number {
  let [from, to] = [0, values.length - 1]
  while (from < to) {
    const pivot = values[(from + to) >> 1]!
    let [i, j] = [from, to]
    while (i <= j) {
      while (values[i]! < pivot) i++
      while (values[j]! > pivot) j--
      if (i > j) break
      const swapped = values[i]!
      values[i++] = values[j]!
      values[j--] = swapped
    }
    if (n <= j) to = j
    else if (n >= i) from = i
    else break
  }
  return values[n]!
}

/** Blocks of grids that were asked for: samples of a run share a few. */
const known = new Map<string, readonly (readonly number[])[]>()

function blocksOf(grid: GridSize, block: number): readonly (readonly number[])[] {
  const name = `${grid.height} ${grid.width} ${block}`
  const blocks = known.get(name) ?? cutIntoBlocks(grid, block)
  known.set(name, blocks)
  return blocks
}

/** The patches of each block, row by row. */
function cutIntoBlocks({ height, width }: GridSize, block: number): number[][] {
  const blocks: number[][] = []
  for (let top = 0; top < height; top += block) {
    for (let left = 0; left < width; left += block) {
      const patches: number[] = []
      for (let row = top; row < Math.min(top + block, height); row++) {
        for (let column = left; column < Math.min(left + block, width); column++)
          patches.push(row * width + column)
      }
      blocks.push(patches)
    }
  }
  return blocks
}

/** What a map says of a patch of the grid. */
function probable({ height, width, data }: ProbabilityMap, grid: GridSize): (patch: number) => number {
  return (patch) => {
    const row = Math.floor((Math.floor(patch / grid.width) * height) / grid.height)
    const column = Math.floor(((patch % grid.width) * width) / grid.width)
    return data[row * width + column]!
  }
}

/** How near a patch of the grid is to a box's centre, as a squared distance below 0; 0 is there. */
function near(boxes: readonly Box[], imageSize: GridSize, grid: GridSize): (patch: number) => number {
  const { height, width } = grid
  const centres = boxes.map(([x1, y1, x2, y2]) => [
    (((x1 + x2) / 2) * width) / imageSize.width,
    (((y1 + y2) / 2) * height) / imageSize.height,
  ])
  if (centres.length === 0) centres.push([width / 2, height / 2])
  const nearest = new Float64Array(height * width).fill(FAR)
  for (const [x, y] of centres) {
    const columns = Float64Array.from({ length: width }, (_, column) => (column + 0.5 - x!) ** 2)
    for (let row = 0, patch = 0; row < height; row++) {
      const below = (row + 0.5 - y!) ** 2
      for (let column = 0; column < width; column++, patch++)
        nearest[patch] = Math.min(nearest[patch]!, below + columns[column]!)
    }
  }
  return (patch) => -nearest[patch]!
}
