// Ranks and recalls against values worked out by hand and by brute force.
import { Random } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { retrievalMetrics, rightRanks, transposed } from './retrieval.ts'

const same = (a: number, b: number) => a === b
const matrix = (rows: number[][]) => ({
  queries: rows.length,
  candidates: rows[0]!.length,
  values: Float32Array.from(rows.flat()),
})

describe('retrieval', () => {
  it('by hand: ranks 1, 2 and 3', () => {
    const similarity = matrix([
      [0.9, 0.1, 0.2],
      [0.5, 0.4, 0.1],
      [0.9, 0.8, 0.7],
    ])
    const ranks = rightRanks(similarity, same)
    expect(ranks).toEqual([1, 2, 3])
    expect(retrievalMetrics(ranks)).toEqual({
      recallAt1: 1 / 3,
      recallAt5: 1,
      recallAt10: 1,
      meanRank: 2,
      medianRank: 2,
    })
    expect(rightRanks(transposed(similarity), same)).toEqual([2, 2, 1])
    expect(retrievalMetrics([1, 4, 6, 20]).medianRank).toBe(5)
  })

  it('several right answers: the best counts, the others do not stand in the way', () => {
    const similarity = matrix([[0.1, 0.9, 0.5, 0.8]])
    expect(rightRanks(similarity, (_, candidate) => candidate === 0 || candidate === 1)).toEqual([1])
    expect(rightRanks(similarity, (_, candidate) => candidate === 2 || candidate === 3)).toEqual([2])
  })

  it('a model that finds everything alike, or nothing at all, scores nothing', () => {
    const alike = { queries: 4, candidates: 4, values: new Float32Array(16).fill(0.5) }
    expect(rightRanks(alike, same)).toEqual([4, 4, 4, 4])
    expect(rightRanks({ ...alike, values: new Float32Array(16).fill(Number.NaN) }, same)).toEqual([
      4, 4, 4, 4,
    ])
  })

  it('200 random queries: as sorting says', () => {
    const count = 200
    const values = new Random(5).fillUniform(new Float32Array(count * count))
    const bySorting = Array.from({ length: count }, (_, query) => {
      const row = [...values.subarray(query * count, (query + 1) * count)]
      const order = row.map((_, i) => i).sort((a, b) => row[b]! - row[a]!)
      return order.indexOf(query) + 1
    })
    expect(rightRanks({ queries: count, candidates: count, values }, same)).toEqual(bySorting)
  })
})
