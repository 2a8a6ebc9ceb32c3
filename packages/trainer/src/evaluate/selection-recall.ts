// Selection recall: the share of the asked-for box's patches that are among the selected ones when a share of all patches
// is taken (PS3, arXiv:2503.19903, figure on top-down and bottom-up selection).

import {
  type Box,
  type GridSize,
  type PatchSelection,
  type ProbabilityMap,
  type ProbabilityMaps,
  selectBoxes,
  selectPatches,
} from '@ps3js/patch-selector'
import type { Random } from '@ps3js/tensor'

/** One picture's question: the box that was asked for, and where a model would look. */
export interface SelectionCase {
  boxes: readonly Box[]
  /** In pixels; what the boxes are measured in. */
  imageSize: GridSize
  /** Patch grid of each scale above the first. */
  grids: readonly GridSize[]
  bottomUp: ProbabilityMap
  topDown: ProbabilityMap
}

/** Per budget, the mean over all pictures; chance is the budget itself. */
export interface SelectionRecall {
  budgets: readonly number[]
  topDown: number[]
  bottomUp: number[]
  random: number[]
}

/**
 * Takes the same share of every scale's patches, the most probable first, and counts those that touch a box, all scales
 * together.
 */
export function boxRecall(
  probabilities: ProbabilityMaps,
  asked: PatchSelection,
  grids: readonly GridSize[],
  share: number,
): number {
  const budget = grids.map(({ height, width }) => Math.max(Math.round(share * height * width), 1))
  const taken = selectPatches(probabilities, grids, budget)
  let found = 0
  let all = 0
  asked.indices.forEach((indices, scale) => {
    const has = new Set(taken.indices[scale])
    all += indices.length
    for (const index of indices) if (has.has(index)) found++
  })
  return found / all
}

/** Adds up recalls picture by picture, so that nothing of a picture has to be kept. */
export class SelectionRecallMean {
  readonly #budgets: readonly number[]
  readonly #random: Random
  readonly #sums: { topDown: number[]; bottomUp: number[]; random: number[] }
  #count = 0

  /** @param random draws the random selection */
  constructor(budgets: readonly number[], random: Random) {
    this.#budgets = budgets
    this.#random = random
    this.#sums = {
      topDown: budgets.map(() => 0),
      bottomUp: budgets.map(() => 0),
      random: budgets.map(() => 0),
    }
  }

  add({ boxes, imageSize, grids, bottomUp, topDown }: SelectionCase): void {
    const asked = selectBoxes(boxes, imageSize, grids)
    const noise = grids.map(({ height, width }) => ({
      height,
      width,
      data: this.#random.fillUniform(new Float32Array(height * width)),
    }))
    this.#budgets.forEach((share, i) => {
      this.#sums.topDown[i]! += boxRecall(topDown, asked, grids, share)
      this.#sums.bottomUp[i]! += boxRecall(bottomUp, asked, grids, share)
      this.#sums.random[i]! += boxRecall(noise, asked, grids, share)
    })
    this.#count++
  }

  /** null when no picture had a box. */
  get mean(): SelectionRecall | null {
    if (this.#count === 0) return null
    const mean = (sums: number[]) => sums.map((sum) => sum / this.#count)
    const { topDown, bottomUp, random } = this.#sums
    return {
      budgets: this.#budgets,
      topDown: mean(topDown),
      bottomUp: mean(bottomUp),
      random: mean(random),
    }
  }
}
