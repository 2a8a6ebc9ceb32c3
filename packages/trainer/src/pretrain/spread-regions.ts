// Ground-truth selection for several captions of one picture: where their regions hold more patches than the budget, each
// gets its share, not the uppermost all.

import { forceGroundTruth, type GridSize, type ProbabilityMap } from '@ps3js/patch-selector'
import type { RegionMap } from '@ps3js/ps3-encoder'
import { Random } from '@ps3js/tensor'

/** What the last patch of a region loses: all stay above the largest probability that a model gives, sigmoid(5) = .993. */
const RANGE = 1e-3

const NOWHERE: ProbabilityMap = { height: 1, width: 1, data: Float32Array.of(0) }

/**
 * Probabilities with every region's patches forced to almost 1, in an order that takes one patch of each region after the
 * other, anywhere inside it. The same for the same regions.
 *
 * @returns one map per high scale, at its own grid
 */
export function spreadRegions(
  probabilities: ProbabilityMap,
  regions: readonly RegionMap[],
  grids: readonly GridSize[],
): ProbabilityMap[] {
  const forced = forceGroundTruth(probabilities, grids, NOWHERE)
  for (const region of regions) {
    for (const [scale, { data }] of forceGroundTruth(NOWHERE, grids, region).entries()) {
      const inside: number[] = []
      data.forEach((value, patch) => {
        if (value === 1) inside.push(patch)
      })
      const map = forced[scale]!.data
      for (const [rank, patch] of new Random(inside.length).shuffle(inside).entries()) {
        map[patch] = Math.max(map[patch]!, 1 - (RANGE * rank) / data.length)
      }
    }
  }
  return forced
}
