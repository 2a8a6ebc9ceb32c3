// Zero-shot classification: which class's name is closest to the picture (CLIP, arXiv:2103.00020, section 3.1).

import { rightRanks, type SimilarityMatrix } from './retrieval.ts'

export interface ZeroShotMetrics {
  classes: number
  /** Pictures with a label; the others are left out. */
  samples: number
  top1: number
  top5: number
}

/** @param labels the class of each query; undefined for none */
export function zeroShotMetrics(
  similarity: SimilarityMatrix,
  labels: readonly (number | undefined)[],
): ZeroShotMetrics | null {
  const ranks = rightRanks(similarity, (query, candidate) => labels[query] === candidate).filter(
    (_, query) => labels[query] !== undefined,
  )
  if (ranks.length === 0) return null
  const within = (k: number) => ranks.filter((rank) => rank <= k).length / ranks.length
  return { classes: similarity.candidates, samples: ranks.length, top1: within(1), top5: within(5) }
}

/** The one class whose name stands in the caption as whole words, ignoring case; undefined for none or several. */
export function labelOf(caption: string, classes: readonly string[]): number | undefined {
  const words = wordsOf(caption)
  const named = classes.flatMap((name, i) => (words.includes(wordsOf(name)) ? [i] : []))
  return named.length === 1 ? named[0] : undefined
}

/** Words between single spaces, with a space at both ends. */
const wordsOf = (text: string) =>
  ` ${text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .join(' ')} `
