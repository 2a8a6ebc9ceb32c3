// Losses over all pairs of queries and keys, a few rows of pairs at a time: logits are forgotten on the way forward and
// made again on the way back. Shapes: B queries (own samples), N keys (own ones, or those of all workers), D feature
// width, R rows of a chunk.

import {
  add,
  concat,
  customGrad,
  dispose,
  div,
  matMul,
  mul,
  slice,
  sum,
  type Tensor,
  tidy,
} from '@ps3js/tensor'
import type { PairLabels } from './labels.ts'

/** A loss that adds up over rows of logits [R, N], with labels as `PairLabels` has them. */
export interface RowLoss {
  /** The sum over rows: a scalar. */
  value(logits: Tensor, labels: Tensor): Tensor
  /** Its derivative by the logits: [R, N]. */
  slope(logits: Tensor, labels: Tensor): Tensor
}

export interface PairLossOptions {
  /** [B, D] */
  queries: Tensor
  /** [N, D] */
  keys: Tensor
  /** Scalar that multiplies the cosines. */
  scale: Tensor
  /** Scalar that is added to them. */
  bias: Tensor
  labels: PairLabels
  rows: RowLoss
  /** Rows at a time; default: all. */
  chunkSize?: number
}

type Inputs = [queries: Tensor, keys: Tensor, scale: Tensor, bias: Tensor]

/** The mean over queries of a row loss: a scalar. */
export function pairLoss({ queries, keys, scale, bias, labels, rows, chunkSize }: PairLossOptions): Tensor {
  const batch = queries.shape[0]!
  const chunks = chunksOf(batch, chunkSize ?? batch)
  return customGrad((...args: unknown[]) => {
    const inputs = args.slice(0, 4) as Inputs
    const save = args[4] as (saved: Tensor[]) => void
    const value = tidy(() => {
      const total = new Total()
      for (const chunk of chunks) {
        total.take(tidy(() => rows.value(logitsOf(inputs, chunk), labels.rows(...chunk))))
      }
      return div(total.value, batch)
    })
    save(inputs)
    const gradFunc = (dy: Tensor, saved: Tensor[]) =>
      slopes(saved as Inputs, div(dy, batch), labels, rows, chunks)
    return { value, gradFunc }
  })(queries, keys, scale, bias)
}

function slopes(
  inputs: Inputs,
  dy: Tensor,
  labels: PairLabels,
  rows: RowLoss,
  chunks: readonly Chunk[],
): Tensor[] {
  const [queries, keys, scale] = inputs
  return tidy(() => {
    const byQueries: Tensor[] = []
    const [byKeys, byScale, byBias] = [new Total(), new Total(), new Total()]
    for (const chunk of chunks) {
      const parts = tidy(() => {
        const own = rowsOf(queries, chunk)
        const slope = rows.slope(logitsOf(inputs, chunk), labels.rows(...chunk))
        const byScaled = matMul(slope, keys)
        return {
          queries: mul(byScaled, scale),
          keys: matMul(slope, mul(own, scale), true, false),
          scale: sum(mul(byScaled, own)),
          bias: sum(slope),
        }
      })
      byQueries.push(parts.queries)
      byKeys.take(parts.keys)
      byScale.take(parts.scale)
      byBias.take(parts.bias)
    }
    return [concat(byQueries, 0), byKeys.value, byScale.value, byBias.value].map((x) => mul(x, dy))
  })
}

type Chunk = readonly [from: number, count: number]

function chunksOf(size: number, chunkSize: number): Chunk[] {
  return Array.from({ length: Math.ceil(size / chunkSize) }, (_, i) => {
    const from = i * chunkSize
    return [from, Math.min(chunkSize, size - from)] as const
  })
}

function logitsOf([queries, keys, scale, bias]: Inputs, chunk: Chunk): Tensor {
  return add(matMul(mul(rowsOf(queries, chunk), scale), keys, false, true), bias)
}

const rowsOf = (x: Tensor, [from, count]: Chunk): Tensor => slice(x, [from, 0], [count, x.shape[1]!])

/** A running sum that holds one tensor, however many it took. */
class Total {
  #sum: Tensor | undefined

  take(part: Tensor): void {
    const before = this.#sum
    this.#sum = before ? add(before, part) : part
    if (before) dispose([before, part])
  }

  get value(): Tensor {
    return this.#sum!
  }
}
