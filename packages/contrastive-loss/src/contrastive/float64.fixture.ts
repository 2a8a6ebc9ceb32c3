// Both losses written down from their papers in double precision, sample by sample, and derivatives by differences.

export interface Sample64 {
  /** [B][D] */
  images: number[][]
  texts: number[][]
  logScale: number
  bias: number
  /** Which picture a sample shows. */
  pictures?: number[]
}

const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
const scale64 = ({ logScale }: Sample64) => Math.exp(Math.min(Math.max(logScale, 0), Math.log(100)))
const leftOut = ({ pictures }: Sample64, i: number, j: number) =>
  i !== j && pictures !== undefined && pictures[i] === pictures[j]

/** arXiv:2303.15343, equation 1. */
export function sigLip64(sample: Sample64): number {
  const { images, texts, bias } = sample
  let sum = 0
  images.forEach((image, i) => {
    texts.forEach((text, j) => {
      if (leftOut(sample, i, j)) return
      const logit = scale64(sample) * dot(image, text) + bias
      sum += Math.log1p(Math.exp(i === j ? -logit : logit))
    })
  })
  return sum / images.length
}

/** arXiv:2103.00020, figure 3. */
export function clip64(sample: Sample64): number {
  const { images, texts } = sample
  const direction = (queries: number[][], keys: number[][]) => {
    const losses = queries.map((query, i) => {
      const logits = keys.map((key) => scale64(sample) * dot(query, key))
      const all = logits.reduce((sum, z, j) => sum + (leftOut(sample, i, j) ? 0 : Math.exp(z)), 0)
      return Math.log(all) - logits[i]!
    })
    return losses.reduce((a, b) => a + b, 0) / queries.length
  }
  return (direction(images, texts) + direction(texts, images)) / 2
}

export interface Gradients64 {
  images: number[]
  texts: number[]
  logScale: number[]
  bias: number[]
}

/** Central differences. */
export function differences(loss: (sample: Sample64) => number, sample: Sample64, step = 1e-5): Gradients64 {
  const slope = (change: (by: number) => Sample64) => (loss(change(step)) - loss(change(-step))) / (2 * step)
  const rows = (name: 'images' | 'texts') =>
    sample[name].flatMap((row, i) =>
      row.map((_, d) =>
        slope((by) => ({
          ...sample,
          [name]: sample[name].map((r, k) => (k === i ? r.map((x, e) => (e === d ? x + by : x)) : r)),
        })),
      ),
    )
  return {
    images: rows('images'),
    texts: rows('texts'),
    logScale: [slope((by) => ({ ...sample, logScale: sample.logScale + by }))],
    bias: [slope((by) => ({ ...sample, bias: sample.bias + by }))],
  }
}
