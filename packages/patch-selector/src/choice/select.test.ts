// Selection against a brute-force oracle that sorts the whole upsampled grid.
import { Random } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { allotPatches } from './budget.ts'
import { selectCoverage } from './coverage.ts'
import { resizeNearest } from './resample.ts'
import { availablePatches, type Constraints, selectPatches } from './select.ts'
import type { GridSize, PatchSelection, ProbabilityMap, ProbabilityMaps } from './types.ts'

const grids4K = [54, 108, 270].map((side) => ({ height: side, width: side }))

describe('selectPatches', () => {
  it('equals sorting every patch, for any geometry, ties and constraints', () => {
    const random = new Random(11)
    for (let round = 0; round < 300; round++) {
      const { maps, grids, constraints } = randomTask(random)
      const budget = grids.map((grid) => random.integer(grid.height * grid.width + 5))
      const expected = oracle(maps, grids, budget, constraints)
      expect(selectPatches(maps, grids, budget, constraints)).toEqual(expected)
    }
  })

  it('tells neighbouring float32 values apart and gives ties to the first rows', () => {
    const below = new Float32Array(new Uint32Array([0x3f000000]).buffer)[0]!
    const above = new Float32Array(new Uint32Array([0x3f000001]).buffer)[0]!
    const map = { height: 1, width: 4, data: Float32Array.of(below, above, below, above) }
    const grids = [{ height: 2, width: 8 }]
    expect(Array.from(selectPatches(map, grids, [8]).indices[0]!)).toEqual([2, 3, 6, 7, 10, 11, 14, 15])
    expect(Array.from(selectPatches(map, grids, [11]).indices[0]!)).toEqual([
      0, 1, 2, 3, 4, 6, 7, 10, 11, 14, 15,
    ])
  })

  it('treats -0 as 0 and takes all patches when asked for more', () => {
    const map = { height: 1, width: 2, data: Float32Array.of(-0, 0) }
    const grids = [{ height: 1, width: 4 }]
    expect(Array.from(selectPatches(map, grids, [2]).indices[0]!)).toEqual([0, 1])
    expect(Array.from(selectPatches(map, grids, [99]).indices[0]!)).toEqual([0, 1, 2, 3])
  })

  it('names what does not fit', () => {
    const map = { height: 1, width: 2, data: Float32Array.of(0.5, 0.25) }
    const grids = [{ height: 1, width: 4 }]
    const already = (...ids: number[]) => ({ already: { indices: [Int32Array.from(ids)] } })
    expect(() => selectPatches(map, grids, [1], already(4))).toThrow(/patch 4 of scale 1 is outside/)
    expect(() => selectPatches(map, grids, [1], already(2, 2))).toThrow(/ascend without repeats/)
    expect(() => selectPatches(map, grids, [1], { exclude: [new Uint8Array(3)] })).toThrow(/holds 3 values/)
    expect(() => selectPatches({ ...map, data: Float32Array.of(2, 0) }, grids, [1])).toThrow(
      /between 0 and 1/,
    )
    expect(() => selectPatches(map, grids, [1, 2])).toThrow(/2 entries for 1/)
    expect(() => selectPatches(map, [{ height: 0, width: 4 }], [1])).toThrow(/height is 0/)
  })

  it('takes 2,560 of 87,480 patches at 4K in a few milliseconds', () => {
    const data = new Random(3).fillUniform(new Float32Array(27 * 27))
    const map = { height: 27, width: 27, data }
    for (let i = 0; i < 20; i++) selectPatches(map, grids4K, [85, 341, 2134])
    const start = performance.now()
    for (let i = 0; i < 20; i++) selectPatches(map, grids4K, [85, 341, 2134])
    // Measured: 1.6 ms (3.6 ms for a map as fine as the finest grid). The bar leaves room for a busy machine.
    expect((performance.now() - start) / 20).toBeLessThan(25)
  })
})

describe('selectCoverage', () => {
  it('takes the fewest patches that hold the share', () => {
    const random = new Random(5)
    for (let round = 0; round < 200; round++) {
      const { maps, grids, constraints } = randomTask(random)
      const share = random.uniform()
      const { selection, held } = selectCoverage(maps, grids, { ...constraints, share })
      grids.forEach((grid, s) => {
        const fine = fineMap(maps, grid, s)
        const free = freePatches(fine, constraints, s)
        const before = Array.from(constraints.already!.indices[s]!, (i) => fine[i]!)
        const mass = total(before) + total(free.map((i) => fine[i]!))
        const chosen = Array.from(selection.indices[s]!, (i) => fine[i]!)
        const reached = total(before) + total(chosen)
        // Sums of up to 400 float32 probabilities in float64 agree to far better than 1e-9.
        expect(reached).toBeGreaterThanOrEqual(share * mass - 1e-8)
        if (chosen.length > 0) expect(reached - Math.min(...chosen)).toBeLessThan(share * mass + 1e-8)
        expect(held[s]).toBeCloseTo(mass === 0 ? 1 : reached / mass, 9)
        expect(selection.indices[s]).toEqual(best(fine, free, chosen.length))
      })
    }
  })

  it('takes whatever has any probability for a share of 1, nothing for 0, and no more than the cap', () => {
    const map = { height: 2, width: 2, data: Float32Array.of(0.5, 0, 0.25, 1e-7) }
    const grids = [4, 8].map((side) => ({ height: side, width: side }))
    const counts = (share: number, maxTokens?: number) =>
      selectCoverage(map, grids, { share, maxTokens }).selection.indices.map((ids) => ids.length)
    expect(counts(1)).toEqual([12, 48])
    expect(counts(0)).toEqual([0, 0])
    expect(counts(1, 20)).toEqual([4, 16])
    expect(selectCoverage(map, grids, { share: 1, maxTokens: 20 }).held[0]).toBeCloseTo(2 / 3, 6)
    expect(() => counts(1.1)).toThrow(/share is 1.1/)
    expect(() => counts(0.5, -1)).toThrow(/maxTokens is -1/)
  })

  it('is quick on a map as fine as the finest grid', () => {
    const data = new Random(9).fillUniform(new Float32Array(270 * 270))
    const start = performance.now()
    selectCoverage({ height: 270, width: 270, data }, [grids4K[2]!], { share: 0.9 })
    // Measured: 40 ms.
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

/** A map with few distinct values (so many ties), odd grids, and everything that can limit a choice. */
function randomTask(random: Random) {
  const side = () => 1 + random.integer(20)
  const levels = 1 + random.integer(12)
  const randomMap = (): ProbabilityMap => {
    const height = side()
    const width = side()
    const data = Float32Array.from({ length: height * width }, () => random.integer(levels) / levels)
    return { height, width, data }
  }
  const grids = Array.from({ length: 1 + random.integer(3) }, () => ({ height: side(), width: side() }))
  const maps: ProbabilityMaps = random.integer(2) === 0 ? randomMap() : grids.map(randomMap)
  const exclude = grids.map((grid) =>
    Uint8Array.from({ length: grid.height * grid.width }, () => (random.integer(4) === 0 ? 1 : 0)),
  )
  const already = {
    indices: exclude.map((map) =>
      Int32Array.from(Array.from(map.keys()).filter((i) => map[i] === 0 && random.integer(5) === 0)),
    ),
  }
  const constraints = { exclude, already, minProbability: random.integer(2) === 0 ? 0 : random.uniform() / 2 }
  return { maps, grids, constraints }
}

function oracle(
  maps: ProbabilityMaps,
  grids: readonly GridSize[],
  budget: readonly number[],
  constraints: Constraints,
): PatchSelection {
  const fine = grids.map((grid, s) => fineMap(maps, grid, s))
  const free = fine.map((map, s) => freePatches(map, constraints, s))
  expect(availablePatches(maps, grids, constraints)).toEqual(free.map((ids) => ids.length))
  const counts = allotPatches(
    budget,
    free.map((ids) => ids.length),
  )
  return { indices: fine.map((map, s) => best(map, free[s]!, counts[s]!)) }
}

function fineMap(maps: ProbabilityMaps, grid: GridSize, s: number): Float32Array {
  return resizeNearest(Array.isArray(maps) ? maps[s] : maps, grid).data
}

function freePatches(fine: Float32Array, { already, exclude, minProbability = 0 }: Constraints, s: number) {
  const taken = new Set(already?.indices[s])
  const out = exclude?.[s]
  return Array.from(fine.keys()).filter(
    (i) => !taken.has(i) && !out?.[i] && fine[i]! >= Math.fround(minProbability),
  )
}

/** Array.sort is stable, so the first in row-major order wins among equals. */
function best(fine: Float32Array, free: readonly number[], count: number): Int32Array {
  const sorted = [...free].sort((a, b) => fine[b]! - fine[a]!)
  return Int32Array.from(sorted.slice(0, count)).sort()
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
