// Regions dense in small masks, a few an image, that hardly overlap: the rule by which the paper turns segments into
// boxes to caption (PS3, arXiv:2503.19903, section 3.1: "about 4 boxes an image"). Window sizes and weights are ours.

import { type Box, boxArea, holdsCentre, intersectionArea, unionOf } from './boxes.ts'
import type { Mask } from './proposer.ts'

export interface RegionRule {
  /** Most regions in a picture. */
  maxRegions: number
  /** A mask counts as small up to this share of the picture. */
  smallArea: number
  /** Fewer small masks do not make a region. */
  minMasks: number
  /** Largest share of the smaller of two regions that the other may cover. */
  maxOverlap: number
}

export const defaultRegionRule: RegionRule = { maxRegions: 4, smallArea: 0.01, minMasks: 3, maxOverlap: 0.1 }

/** Sides of windows as shares of the picture's: from 378 of 3780 pixels to about a fifth. */
const SIDES = [0.1, 0.15, 0.22]
const ASPECTS = [1, 3 / 2, 2 / 3]

/** Chosen boxes, best first, in whole pixels. */
export function chooseRegions(
  masks: readonly Mask[],
  width: number,
  height: number,
  rule: RegionRule = defaultRegionRule,
): Box[] {
  const small = masks.filter(({ area }) => area > 0 && area <= rule.smallArea * width * height)
  const free = new Set(small.map(({ box }) => box))
  const windows = windowsOf(width, height)
  const chosen: Box[] = []
  while (chosen.length < rule.maxRegions) {
    const best = bestRegion(windows, [...free], chosen, width, height, rule)
    if (!best) break
    chosen.push(best)
    for (const box of free) if (holdsCentre(best, box)) free.delete(box)
  }
  return chosen
}

function bestRegion(
  windows: readonly Box[],
  boxes: readonly Box[],
  chosen: readonly Box[],
  width: number,
  height: number,
  rule: RegionRule,
): Box | null {
  let best: Box | null = null
  let bestScore = 0
  for (const window of windows) {
    const inside = boxes.filter((box) => holdsCentre(window, box))
    // Twice the area has to hold 1.7 times the masks: dense rather than large, but not a single dense spot.
    const score = inside.length / boxArea(window) ** 0.75
    if (inside.length < rule.minMasks || score <= bestScore) continue
    const region = padded(unionOf(inside), width, height)
    const isApart = chosen.every(
      (other) =>
        intersectionArea(region, other) <= rule.maxOverlap * Math.min(boxArea(region), boxArea(other)),
    )
    if (!isApart) continue
    best = region
    bestScore = score
  }
  return best
}

/** A little of the surroundings, so that a caption sees whole things. */
function padded([x1, y1, x2, y2]: Box, width: number, height: number): Box {
  const margin = 0.05 * Math.max(x2 - x1, y2 - y1)
  return [
    Math.max(0, Math.floor(x1 - margin)),
    Math.max(0, Math.floor(y1 - margin)),
    Math.min(width, Math.ceil(x2 + margin)),
    Math.min(height, Math.ceil(y2 + margin)),
  ]
}

/** Windows of every size and aspect, each moved by a quarter of itself. */
function windowsOf(width: number, height: number): Box[] {
  const windows: Box[] = []
  for (const side of SIDES) {
    for (const aspect of ASPECTS) {
      const w = Math.min(width, side * Math.max(width, height) * Math.sqrt(aspect))
      const h = Math.min(height, (side * Math.max(width, height)) / Math.sqrt(aspect))
      for (const y of starts(height, h)) for (const x of starts(width, w)) windows.push([x, y, x + w, y + h])
    }
  }
  return windows
}

function starts(length: number, window: number): number[] {
  const steps = Math.ceil((length - window) / (window / 4))
  return Array.from({ length: steps + 1 }, (_, i) => (steps === 0 ? 0 : (i * (length - window)) / steps))
}
