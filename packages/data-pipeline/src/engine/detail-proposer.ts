// Finds spots of detail without a model: places whose grey values change more than their surroundings', at three sizes.
// Mean gradient energy in windows over integral images, local maxima, non-maximum suppression.

import { type Box, intersectionOverUnion } from './boxes.ts'
import { decoding, type EncodedPicture, upright } from './picture.ts'
import type { Mask, Proposer } from './proposer.ts'

/** Long side of the picture that is looked at; small print of a 4K page still shows as texture. */
const WORKING_SIDE = 1024
/** Sides of windows on it. */
const WINDOWS = [12, 20, 32]
/** Least mean gradient, in grey values a pixel: above sensor noise and JPEG blocks of smooth areas. */
const MIN_ENERGY = 5
/** And this much more than the picture's mean, or all of a gravel path would be detail. */
const ABOVE_MEAN = 1.25
const MAX_IOU = 0.2
const MAX_MASKS = 600

interface Spot {
  box: Box
  energy: number
}

/** Needs no model: a quarter of a second for a 4K picture on one core. */
export function detailProposer(): Proposer {
  return {
    name: 'detail-1',
    async propose(picture) {
      const { data, info } = await decoding(picture.name, () =>
        upright(picture)
          .resize({ width: WORKING_SIDE, height: WORKING_SIDE, fit: 'inside', withoutEnlargement: true })
          .greyscale()
          .raw()
          .toBuffer({ resolveWithObject: true }),
      )
      return masksOf(data, info.width, info.height, picture)
    },
  }
}

function masksOf(grey: Uint8Array, width: number, height: number, picture: EncodedPicture): Mask[] {
  const sums = integralOfGradients(grey, width, height)
  const mean = meanIn(sums, width, 0, 0, width, height)
  const threshold = Math.max(MIN_ENERGY, ABOVE_MEAN * mean)
  const spots = WINDOWS.flatMap((side) => maxima(sums, width, height, side, threshold))
  // Among equals the first found, so that every machine agrees.
  spots.sort((a, b) => b.energy - a.energy)
  const kept: Spot[] = []
  for (const spot of spots) {
    if (kept.every((other) => intersectionOverUnion(spot.box, other.box) <= MAX_IOU)) kept.push(spot)
    if (kept.length === MAX_MASKS) break
  }
  const [sx, sy] = [picture.width / width, picture.height / height]
  return kept.map(({ box: [x1, y1, x2, y2] }) => ({
    box: [x1 * sx, y1 * sy, x2 * sx, y2 * sy],
    area: (x2 - x1) * sx * (y2 - y1) * sy,
  }))
}

/** Sums of |dx| + |dy| above and left of each corner: [(height + 1) * (width + 1)]. */
function integralOfGradients(grey: Uint8Array, width: number, height: number): Float64Array {
  const sums = new Float64Array((width + 1) * (height + 1))
  for (let y = 0; y < height; y++) {
    let row = 0
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      const dx = x + 1 < width ? Math.abs(grey[at + 1]! - grey[at]!) : 0
      const dy = y + 1 < height ? Math.abs(grey[at + width]! - grey[at]!) : 0
      row += dx + dy
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1]! + row
    }
  }
  return sums
}

function meanIn(sums: Float64Array, width: number, x1: number, y1: number, x2: number, y2: number): number {
  const at = (x: number, y: number) => sums[y * (width + 1) + x]!
  return (at(x2, y2) - at(x1, y2) - at(x2, y1) + at(x1, y1)) / ((x2 - x1) * (y2 - y1))
}

/** Windows, moved by a third of their side, that are above the threshold and none of whose neighbours has more. */
function maxima(sums: Float64Array, width: number, height: number, side: number, threshold: number): Spot[] {
  const step = Math.max(1, Math.floor(side / 3))
  const columns = Math.floor((width - side) / step) + 1
  const rows = Math.floor((height - side) / step) + 1
  if (columns < 1 || rows < 1) return []
  const energy = new Float64Array(columns * rows)
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const [x, y] = [c * step, r * step]
      energy[r * columns + c] = meanIn(sums, width, x, y, x + side, y + side)
    }
  }
  const spots: Spot[] = []
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const here = energy[r * columns + c]!
      if (here < threshold || !isPeak(energy, columns, rows, r, c)) continue
      spots.push({ box: [c * step, r * step, c * step + side, r * step + side], energy: here })
    }
  }
  return spots
}

function isPeak(energy: Float64Array, columns: number, rows: number, r: number, c: number): boolean {
  const here = energy[r * columns + c]!
  for (let y = Math.max(0, r - 1); y <= Math.min(rows - 1, r + 1); y++) {
    for (let x = Math.max(0, c - 1); x <= Math.min(columns - 1, c + 1); x++) {
      if (energy[y * columns + x]! > here) return false
    }
  }
  return true
}
