// Distributions in a few numbers and a histogram.

export interface Distribution {
  count: number
  min: number
  median: number
  mean: number
  max: number
  /** Counts in equal steps from `min` to `max`. */
  histogram: number[]
}

const BINS = 24

/** null for no values. */
export function distribution(values: readonly number[]): Distribution | null {
  const count = values.length
  if (count === 0) return null
  const sorted = Float64Array.from(values).sort()
  const [min, max] = [sorted[0]!, sorted[count - 1]!]
  const histogram = new Array<number>(BINS).fill(0)
  let sum = 0
  for (const value of sorted) {
    sum += value
    const bin = max > min ? Math.floor(((value - min) / (max - min)) * BINS) : 0
    histogram[Math.min(bin, BINS - 1)]!++
  }
  const middle = (sorted[(count - 1) >> 1]! + sorted[count >> 1]!) / 2
  return { count, min, median: middle, mean: sum / count, max, histogram }
}
