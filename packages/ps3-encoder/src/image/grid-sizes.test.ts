// Sizes per scale against those the reference model computes.
import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { gridSizes } from './grid-sizes.ts'

interface Recorded {
  grids: {
    scales: number[]
    patch: number
    input_hw: [number, number]
    image: number[][]
    grid: number[][]
  }[]
  square_inputs_that_lose_a_patch: Record<string, number[]>
}

const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/preprocess/grids.json', import.meta.url), 'utf8'),
) as Recorded

describe('gridSizes', () => {
  it('agrees with every recorded picture size', () => {
    for (const { scales, patch, input_hw, image, grid } of recorded.grids) {
      const sizes = gridSizes(scales, patch, ...input_hw)
      expect(
        sizes.map((s) => [s.image.height, s.image.width]),
        `${scales} ${input_hw}`,
      ).toEqual(image)
      expect(sizes.map((s) => [s.grid.height, s.grid.width])).toEqual(grid)
    }
  })

  it('loses a patch row on exactly the recorded squares', () => {
    const patches: Record<string, number> = { '378': 14, '384': 16 }
    for (const [base, sides] of Object.entries(recorded.square_inputs_that_lose_a_patch)) {
      const scale = Number(base)
      const losing: number[] = []
      for (let side = 1; side < 4200; side++) {
        const [, high] = gridSizes([scale, scale * 2], patches[base] ?? 14, side, side)
        if (high?.image.width !== scale * 2) losing.push(side)
      }
      expect(losing).toEqual(sides)
    }
  })

  it('gives one patch to the thinnest pictures', () => {
    expect(gridSizes([378, 756], 14, 10, 20000)[1]?.grid).toEqual({ height: 2, width: 54 })
  })

  it('refuses sizes that cannot be', () => {
    expect(() => gridSizes([378], 14, 0, 10)).toThrow(InvalidArgumentError)
    expect(() => gridSizes([], 14, 10, 10)).toThrow(/scales is empty/)
    expect(() => gridSizes([10], 14, 10, 10)).toThrow(/smaller than one patch/)
    expect(() => gridSizes([378, 56], 14, 10, 10)).toThrow(/ascending/)
  })
})
