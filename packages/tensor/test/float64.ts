// The ops of `src/ops` once more, as plain loops over double-precision arrays: what every backend is compared with.
// Written from the papers' and PyTorch's definitions, sharing no code with the ops. Arrays are row-major.

export type Values = Float64Array

/** erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!, whose terms are all of one sign. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x) // 1 - erf(6) is 2e-17
  let term = x
  let total = x
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total
}

export const geluExact = (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2

export const geluTanh = (x: number): number =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

/** x [R, C] + bias [C] */
export const addRow = (x: Values, bias: Values): Values => x.map((value, i) => value + bias[i % bias.length]!)

export const plus = (a: Values, b: Values): Values => a.map((value, i) => value + b[i]!)

/** x [R, inSize], weight [outSize, inSize], bias [outSize] -> [R, outSize] */
export function linear(x: Values, weight: Values, inSize: number, bias?: Values): Values {
  const outSize = weight.length / inSize
  const y = new Float64Array((x.length / inSize) * outSize)
  for (let i = 0; i < y.length; i++) {
    const row = Math.floor(i / outSize)
    const o = i % outSize
    let total = bias ? bias[o]! : 0
    for (let k = 0; k < inSize; k++) total += x[row * inSize + k]! * weight[o * inSize + k]!
    y[i] = total
  }
  return y
}

/** x [R, C] */
export function layerNorm(x: Values, weight: Values, bias: Values, eps: number): Values {
  const width = weight.length
  const y = new Float64Array(x.length)
  for (let start = 0; start < x.length; start += width) {
    const row = x.subarray(start, start + width)
    const mean = row.reduce((a, b) => a + b, 0) / width
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / width
    row.forEach((value, c) => {
      y[start + c] = ((value - mean) / Math.sqrt(variance + eps)) * weight[c]! + bias[c]!
    })
  }
  return y
}

/** x [R, C] */
export function rmsNorm(x: Values, weight: Values, eps: number): Values {
  const width = weight.length
  return x.map((value, i) => {
    const row = x.subarray(i - (i % width), i - (i % width) + width)
    const square = row.reduce((sum, one) => sum + one * one, 0) / width
    return (value / Math.sqrt(square + eps)) * weight[i % width]!
  })
}

/** Elements i and i + half of each head as a complex number, turned by the row's angle i. x [T, heads * 2 * half] */
export function rotary(x: Values, heads: number, half: number, angles: readonly number[]): Values {
  return x.map((value, at) => {
    const column = at % (2 * half)
    const row = Math.floor(at / (2 * half * heads))
    const angle = angles[row * half + (column % half)]!
    const other = column < half ? -x[at + half]! : x[at - half]!
    return value * Math.cos(angle) + other * Math.sin(angle)
  })
}

export interface AttentionSizes {
  batch: number
  queries: number
  keys: number
  heads: number
  width: number
  /** Added to the score of query n and key m in sample b. */
  mask?: (b: number, n: number, m: number) => number
}

/** q [B, N, C], k and v [B, M, C], heads side by side -> [B, N, C] */
export function attention(q: Values, k: Values, v: Values, sizes: AttentionSizes): Values {
  const { batch, queries, keys, heads, width, mask } = sizes
  const headWidth = width / heads
  const out = new Float64Array(batch * queries * width)
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let n = 0; n < queries; n++) {
        const at = (row: number, rows: number) => (b * rows + row) * width + h * headWidth
        const weights = Array.from({ length: keys }, (_, m) => {
          let score = 0
          for (let d = 0; d < headWidth; d++) score += q[at(n, queries) + d]! * k[at(m, keys) + d]!
          return score / Math.sqrt(headWidth) + (mask?.(b, n, m) ?? 0)
        })
        const largest = Math.max(...weights)
        const exps = weights.map((score) => Math.exp(score - largest))
        const total = exps.reduce((a, c) => a + c, 0)
        for (let d = 0; d < headWidth; d++) {
          out[at(n, queries) + d] = exps.reduce((sum, e, m) => sum + (e / total) * v[at(m, keys) + d]!, 0)
        }
      }
    }
  }
  return out
}

/** qkv [B, N, 3C], prefix [B, M, 2C] */
export function selfAttention(
  qkv: Values,
  { batch, queries, heads, width }: Omit<AttentionSizes, 'keys' | 'mask'>,
  bias?: Values,
  prefix?: Values,
): Values {
  const x = bias ? addRow(qkv, bias) : qkv
  const before = prefix ? prefix.length / (batch * 2 * width) : 0
  const keys = before + queries
  const q = new Float64Array(batch * queries * width)
  const k = new Float64Array(batch * keys * width)
  const v = new Float64Array(batch * keys * width)
  for (let b = 0; b < batch; b++) {
    for (let row = 0; row < before; row++) {
      const from = (b * before + row) * 2 * width
      k.set(prefix!.subarray(from, from + width), (b * keys + row) * width)
      v.set(prefix!.subarray(from + width, from + 2 * width), (b * keys + row) * width)
    }
    for (let row = 0; row < queries; row++) {
      const from = (b * queries + row) * 3 * width
      const to = (b * keys + before + row) * width
      q.set(x.subarray(from, from + width), (b * queries + row) * width)
      k.set(x.subarray(from + width, from + 2 * width), to)
      v.set(x.subarray(from + 2 * width, from + 3 * width), to)
    }
  }
  return attention(q, k, v, { batch, queries, keys, heads, width })
}

/** x [R, heads * D] -> [R, heads * times * D], each head several times in a row. */
export function repeatHeads(x: Values, headWidth: number, times: number): Values {
  return Float64Array.from({ length: x.length * times }, (_, i) => {
    const head = Math.floor(i / (headWidth * times))
    return x[head * headWidth + (i % headWidth)]!
  })
}

/** Columns [from, from + width) of prefix [B, P, 2 * width], then x [B, M, width] -> [B, P + M, width] */
export function joinRows(
  prefix: Values,
  x: Values,
  { batch, width, from }: { batch: number; width: number; from: number },
): Values {
  const [before, own] = [prefix.length / (batch * 2 * width), x.length / (batch * width)]
  const out = new Float64Array(batch * (before + own) * width)
  for (let b = 0; b < batch; b++) {
    const start = b * (before + own)
    for (let row = 0; row < before; row++) {
      const at = (b * before + row) * 2 * width + from
      out.set(prefix.subarray(at, at + width), (start + row) * width)
    }
    out.set(x.subarray(b * own * width, (b + 1) * own * width), (start + before) * width)
  }
  return out
}

/** x [R, C]: rows of length one; where a row is zero it stays so. */
export function l2Normalize(x: Values, width: number): Values {
  const y = new Float64Array(x.length)
  for (let start = 0; start < x.length; start += width) {
    const row = x.subarray(start, start + width)
    const norm = Math.max(Math.sqrt(row.reduce((a, b) => a + b * b, 0)), 1e-12)
    row.forEach((value, c) => {
      y[start + c] = value / norm
    })
  }
  return y
}

/** x [R, C], out-of-order rows: `from[i]` to `to[i]` of `size` rows. */
export function moveRows(
  x: Values,
  width: number,
  from: readonly number[],
  to: readonly number[],
  size: number,
): Values {
  const y = new Float64Array(size * width)
  from.forEach((row, i) => {
    for (let c = 0; c < width; c++) y[to[i]! * width + c]! += x[row * width + c]!
  })
  return y
}
