// An evaluation as named numbers: for logs, for choosing the best checkpoint, and for tables.

import type { Evaluation } from './evaluate.ts'
import type { RetrievalMetrics } from './retrieval.ts'

/** Every number of an evaluation by its name, such as `retrieval/textToImage/R@1` and `selection/topDown@2%`. */
export function evaluationScalars({ retrieval, selection, zeroShot }: Evaluation): Record<string, number> {
  const scalars: Record<string, number> = {}
  for (const [direction, metrics] of Object.entries(retrieval)) {
    for (const [name, value] of retrievalRows(metrics)) scalars[`retrieval/${direction}/${name}`] = value
  }
  if (selection) {
    for (const by of ['topDown', 'bottomUp', 'random'] as const) {
      selection.budgets.forEach((share, i) => {
        scalars[`selection/${by}@${percent(share)}`] = selection[by][i]!
      })
    }
  }
  if (zeroShot) {
    scalars['zeroShot/top1'] = zeroShot.top1
    scalars['zeroShot/top5'] = zeroShot.top5
  }
  return scalars
}

const retrievalRows = (metrics: RetrievalMetrics): [string, number][] => [
  ['R@1', metrics.recallAt1],
  ['R@5', metrics.recallAt5],
  ['R@10', metrics.recallAt10],
  ['meanRank', metrics.meanRank],
  ['medianRank', metrics.medianRank],
]

/** 0.025 -> 2.5% */
export const percent = (share: number): string => `${Number((share * 100).toPrecision(12))}%`
