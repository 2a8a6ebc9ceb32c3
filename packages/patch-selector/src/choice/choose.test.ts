// The whole choice against recorded selections of the reference model.
import { describe, expect, it } from 'vitest'
import { type RecordedCase, type RecordedSample, recordedCases } from '../../test/recorded-cases.ts'
import { adjustProbabilities, type BatchSample, chooseBatchPatches, choosePatches } from './choose.ts'
import { resizeNearest } from './resample.ts'
import { countPatches, requireDisjoint, unionSelections } from './selection.ts'
import type { GridSize, PatchSelection, ProbabilityMaps } from './types.ts'

const cases = recordedCases()

describe('choosePatches agrees with the reference', () => {
  it.each(cases.filter((c) => c.tieRule === 'rowmajor'))('$name, patch by patch', (recorded) => {
    const looks = replay(recorded)
    recorded.samples.forEach((sample, i) => {
      const whole = recorded.call.num_look_close === 'all'
      // 'all': the reference may miss a few patches in its last look; ours takes every one.
      const exact = whole ? sample.looks.length - 1 : sample.looks.length
      expect(looks[i]!.length).toBe(sample.looks.length)
      expect(looks[i]!.slice(0, exact)).toEqual(sample.looks.slice(0, exact))
      requireDisjoint(looks[i]!)
      if (!whole) return
      const last = looks[i]!.at(-1)!
      sample.looks.at(-1)!.indices.forEach((indices, s) => {
        expect(indices.every((index) => last.indices[s]!.includes(index))).toBe(true)
      })
      expect(countPatches(unionSelections(looks[i]!, recorded.grids))).toBe(patchCount(recorded.grids))
    })
  })

  // torch.topk takes any of the equally probable patches, so only the probabilities taken can be compared.
  it.each(cases.filter((c) => c.tieRule === 'official' && !c.integerTruth))(
    '$name, up to ties',
    (recorded) => {
      const looks = replay(recorded)
      recorded.samples.forEach((sample, i) => {
        const maps = adjusted(recorded, sample)
        expect(taken(looks[i]!, maps, recorded.grids)).toEqual(taken(sample.looks, maps, recorded.grids))
      })
    },
  )

  it.each(cases.filter((c) => c.samples[0]!.probabilities.some(Boolean) && !c.integerTruth))(
    '$name, probabilities forced and smoothed to the last bit',
    (recorded) => {
      for (const sample of recorded.samples) {
        const maps = adjusted(recorded, sample)
        recorded.grids.forEach((grid, s) => {
          const expected = sample.probabilities[s]
          if (!expected) return
          const map = Array.isArray(maps) ? maps[s] : maps
          expect(resizeNearest(map, grid).data).toEqual(expected)
        })
      }
    },
  )

  it.each(cases.filter((c) => c.integerTruth))('$name: partly covered cells are kept', (recorded) => {
    for (const sample of recorded.samples) {
      const maps = adjusted(recorded, sample)
      let gained = 0
      recorded.grids.forEach((grid, s) => {
        const ours = resizeNearest(Array.isArray(maps) ? maps[s] : maps, grid).data
        sample.probabilities[s]!.forEach((probability, i) => {
          if (ours[i] === probability) return
          expect(ours[i]).toBe(1)
          gained++
        })
      })
      expect(gained).toBeGreaterThan(0)
    }
  })
})

describe('choosePatches beyond the reference', () => {
  const grids = [
    { height: 8, width: 8 },
    { height: 16, width: 16 },
  ]
  const probabilities = {
    height: 4,
    width: 4,
    data: Float32Array.from({ length: 16 }, (_, i) => (i + 1) / 20),
  }
  const input = { probabilities, grids, imageSize: { height: 64, width: 64 } }

  it('shares one number over the scales by their patches', () => {
    const [look] = choosePatches({ ...input, budget: 20 })
    expect(look!.indices.map((ids) => ids.length)).toEqual([4, 16])
  })

  it('takes drawn regions first, nothing excluded, nothing outside', () => {
    const corner = [0, 0, 16, 16] as const
    const [included] = choosePatches({ ...input, budget: 20, include: [corner] })
    expect(Array.from(included!.indices[0]!)).toEqual([0, 1, 8, 9])
    const [excluded] = choosePatches({ ...input, budget: 20, exclude: [[48, 48, 64, 64]] })
    expect(Array.from(excluded!.indices[0]!)).toEqual([52, 53, 60, 61])
    const all = choosePatches({ ...input, budget: 20, looks: 'all', within: [corner] })
    expect(unionSelections(all, grids).indices.map((ids) => ids.length)).toEqual([4, 16])
    const none = choosePatches({ ...input, budget: 20, looks: 'all', within: [corner], exclude: [corner] })
    expect(none).toEqual([])
  })

  it('stops at the minimum probability and goes on after what was taken', () => {
    const looks = choosePatches({ ...input, budget: 20, looks: 'all', minProbability: 0.75 })
    // 15/20 and 16/20 pass: two cells of 4 and of 16 patches.
    expect(looks.map(countPatches)).toEqual([20, 20])
    const rest = choosePatches({
      ...input,
      budget: 20,
      looks: 'all',
      minProbability: 0.75,
      already: looks[0],
    })
    expect(rest).toEqual([looks[1]])
  })

  it('takes coverage in looks of the budget, best first, with a cap', () => {
    const looks = choosePatches({ ...input, budget: 20, coverage: 0.5 })
    const union = unionSelections(looks, grids)
    requireDisjoint(looks)
    expect(looks.slice(0, -1).every((look) => countPatches(look) === 20)).toBe(true)
    // Of the sum 6.8 the five largest cells hold 3.5 and four hold 2.9: 4 whole cells and (3.4 - 2.9) / 0.6 of the next.
    expect(union.indices.map((ids) => ids.length)).toEqual([16 + 4, 64 + 14])
    expect(
      countPatches(unionSelections(choosePatches({ ...input, budget: 20, coverage: 0.5, looks: 2 }), grids)),
    ).toBe(40)
    expect(
      countPatches(unionSelections(choosePatches({ ...input, budget: 20, coverage: 0.5, tokens: 7 }), grids)),
    ).toBe(7)
    expect(choosePatches({ ...input, budget: 20, coverage: 0 })).toEqual([])
  })

  it('keeps totals equal in a batch whose pictures differ', () => {
    const samples = [
      { probabilities, firstScales: 1 },
      { probabilities, minProbability: 0.3 },
      { probabilities, exclude: selectionOf(grids, 5) },
    ]
    for (const limits of [{ looks: 3 }, { tokens: 77 }, { looks: 'all' as const }]) {
      const batch = chooseBatchPatches({ grids, budget: 30, ...limits }, samples)
      const totals = batch.map((looks) => looks.map(countPatches))
      expect(totals[1]).toEqual(totals[0])
      expect(totals[2]).toEqual(totals[0])
    }
  })

  it('refuses what cannot be meant', () => {
    const refused: [Partial<Parameters<typeof choosePatches>[0]>, RegExp][] = [
      [{ budget: 0 }, /budget is 0/],
      [{ budget: [0, 0] }, /at least one scale/],
      [{ budget: [1, -2] }, /budget\[1\] is -2/],
      [{ budget: [Number.NaN, 2] }, /NaN/],
      [{ budget: [1] }, /1 entries for 2/],
      [{ looks: 1.5 }, /looks is 1.5/],
      [{ tokens: -1 }, /tokens is -1/],
      [{ looks: 1, tokens: 5 }, /give one of them/],
      [{ looks: 1, tokens: 5, coverage: 0.5 }, /give one of them/],
      [{ coverage: 1.5 }, /1.5/],
      [{ minProbability: Number.NaN }, /minProbability/],
      [{ firstScales: 3 }, /firstScales is 3/],
      [{ include: [[0, 0, 9, 9]], imageSize: undefined }, /imageSize/],
      [{ grids: [] }, /grids is empty/],
      [{ probabilities: { ...probabilities, data: probabilities.data.map(() => Number.NaN) } }, /NaN/],
      [{ probabilities: { ...probabilities, width: 5 } }, /16 values/],
      [{ probabilities: [probabilities] }, /1 probability maps for 2/],
    ]
    for (const [wrong, message] of refused) {
      expect(() => choosePatches({ ...input, budget: 20, ...wrong })).toThrow(message)
    }
  })
})

function replay(recorded: RecordedCase): PatchSelection[][] {
  const { call, grids, budget } = recorded
  const first = call.only_select_first_n_scale as number[] | undefined
  return chooseBatchPatches(
    {
      grids,
      budget,
      looks: call.num_look_close as number | 'all' | undefined,
      tokens: call.num_token_look_close as number | undefined,
    },
    recorded.samples.map((sample, i) => ({ ...options(recorded, sample), firstScales: first?.[i] })),
  )
}

function options({ call }: RecordedCase, { coarse, groundTruth }: RecordedSample): BatchSample {
  return { probabilities: coarse, groundTruth, smooth: call.smooth_selection_prob === true }
}

function adjusted(recorded: RecordedCase, sample: RecordedSample): ProbabilityMaps {
  return adjustProbabilities({ ...options(recorded, sample), grids: recorded.grids })
}

/** Per look and scale the probabilities taken, sorted. */
function taken(
  looks: readonly PatchSelection[],
  maps: ProbabilityMaps,
  grids: readonly GridSize[],
): Float32Array[][] {
  const fine = grids.map((grid, s) => resizeNearest(Array.isArray(maps) ? maps[s] : maps, grid).data)
  return looks.map(({ indices }) =>
    indices.map((ids, s) => Float32Array.from(ids, (id) => fine[s]![id]!).sort()),
  )
}

function selectionOf(grids: readonly GridSize[], count: number): PatchSelection {
  return { indices: grids.map(() => Int32Array.from({ length: count }, (_, i) => i)) }
}

function patchCount(grids: readonly GridSize[]): number {
  return grids.reduce((sum, grid) => sum + grid.height * grid.width, 0)
}
