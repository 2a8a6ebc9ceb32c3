// Retrieval: how far up the right text stands among all texts for a picture, and the other way round.

/** Over all queries: the share whose right answer is among the first k, and its place (1 is best). */
export interface RetrievalMetrics {
  recallAt1: number
  recallAt5: number
  recallAt10: number
  meanRank: number
  medianRank: number
}

/** A similarity per query and candidate: `values[query * candidates + candidate]`. */
export interface SimilarityMatrix {
  queries: number
  candidates: number
  values: Float32Array
}

/**
 * The place of each query's best right answer. Wrong candidates that are just as similar stand before it, so that a model
 * that finds everything alike scores nothing; other right ones do not stand in the way.
 *
 * @param isRight whether the candidate answers the query; at least one does for each
 */
export function rightRanks(
  { queries, candidates, values }: SimilarityMatrix,
  isRight: (query: number, candidate: number) => boolean,
): number[] {
  return Array.from({ length: queries }, (_, query) => {
    const row = values.subarray(query * candidates, (query + 1) * candidates)
    let best = Number.NEGATIVE_INFINITY
    row.forEach((value, candidate) => {
      if (isRight(query, candidate)) best = Math.max(best, value)
    })
    let rank = 1
    row.forEach((value, candidate) => {
      // Not `value >= best`: a NaN must count against the model too.
      if (!(value < best) && !isRight(query, candidate)) rank++
    })
    return rank
  })
}

export function retrievalMetrics(ranks: readonly number[]): RetrievalMetrics {
  const sorted = [...ranks].sort((a, b) => a - b)
  const within = (k: number) => sorted.filter((rank) => rank <= k).length / sorted.length
  const middle = Math.floor(sorted.length / 2)
  return {
    recallAt1: within(1),
    recallAt5: within(5),
    recallAt10: within(10),
    meanRank: sorted.reduce((sum, rank) => sum + rank, 0) / sorted.length,
    medianRank: sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2,
  }
}

/** The same similarities, asked from the other side. */
export function transposed({ queries, candidates, values }: SimilarityMatrix): SimilarityMatrix {
  const turned = new Float32Array(values.length)
  for (let q = 0; q < queries; q++) {
    for (let c = 0; c < candidates; c++) turned[c * queries + q] = values[q * candidates + c]!
  }
  return { queries: candidates, candidates: queries, values: turned }
}
