// Selection recall on maps whose answer is plain, and against a count patch by patch.
import { selectBoxes } from '@ps3js/patch-selector'
import { Random } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { boxRecall, SelectionRecallMean } from './selection-recall.ts'

const grids = [10, 20].map((side) => ({ height: side, width: side }))
const imageSize = { height: 100, width: 100 }
/** A map of 10 x 10 that is high where `inside` says. */
const mapOf = (inside: (row: number, column: number) => boolean) => ({
  height: 10,
  width: 10,
  data: Float32Array.from({ length: 100 }, (_, i) => (inside(Math.floor(i / 10), i % 10) ? 0.9 : 0.1)),
})

describe('selection recall', () => {
  // 20 x 10 pixels: 2 of the 100 patches at the first scale, 8 of the 400 at the second.
  const asked = selectBoxes([[30, 50, 50, 60]], imageSize, grids)
  const there = mapOf((row, column) => row === 5 && (column === 3 || column === 4))

  it('is whole when the model looks where it should, and none when it looks elsewhere', () => {
    expect(boxRecall(there, asked, grids, 0.02)).toBe(1)
    expect(
      boxRecall(
        mapOf((row) => row === 0),
        asked,
        grids,
        0.1,
      ),
    ).toBe(0)
    expect(boxRecall(there, asked, grids, 1)).toBe(1)
  })

  it('is partial when the budget is', () => {
    // 1 of 2 patches, and the first 4 in row-major order of 8.
    expect(boxRecall(there, asked, grids, 0.01)).toBe(5 / 10)
  })

  it('is averaged over pictures, and random selection comes near its share', () => {
    const budgets = [0.02, 0.2]
    const mean = new SelectionRecallMean(budgets, new Random(1))
    for (let i = 0; i < 200; i++) {
      mean.add({
        boxes: [[30, 50, 50, 60]],
        imageSize,
        grids,
        topDown: i % 4 === 0 ? mapOf((row) => row === 0) : there,
        bottomUp: mapOf((row) => row === 0 || row === 9),
      })
    }
    const recall = mean.mean!
    expect(recall.topDown[0]).toBe(0.75)
    expect(recall.bottomUp).toEqual([0, 0])
    // Standard error of the mean of 2,000 patches: .003 and .009.
    expect(Math.abs(recall.random[0]! - 0.02)).toBeLessThan(0.012)
    expect(Math.abs(recall.random[1]! - 0.2)).toBeLessThan(0.036)
    expect(new SelectionRecallMean(budgets, new Random(1)).mean).toBeNull()
  })

  it('equals a count patch by patch on random maps', () => {
    const random = new Random(3)
    const maps = grids.map(({ height, width }) => ({
      height,
      width,
      data: random.fillUniform(new Float32Array(height * width)),
    }))
    let found = 0
    let all = 0
    for (const { data, width } of maps) {
      const pixels = 100 / width
      const sorted = [...data].sort((a, b) => b - a)
      const threshold = sorted[Math.round(0.3 * data.length) - 1]!
      data.forEach((value, i) => {
        const x = (i % width) * pixels
        const y = Math.floor(i / width) * pixels
        const touches = x < 50 && x + pixels > 30 && y < 60 && y + pixels > 50
        if (!touches) return
        all++
        if (value >= threshold) found++
      })
    }
    expect(boxRecall(maps, asked, grids, 0.3)).toBeCloseTo(found / all, 12)
  })
})
