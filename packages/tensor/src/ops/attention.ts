// Multi-head attention that never holds the whole score matrix (Dao et al., arXiv:2205.14135, in kind): queries go
// through in chunks, and the backward pass computes each chunk's probabilities again.
// Shapes: B batch, N queries, M keys, H heads, D width of a head, C = H * D.

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import { add, concat, matMul, mul, reshape, slice, softmax, split, sub, sum, tidy, transpose } from '../tf.ts'
import { checkPositiveInteger, checkShape } from './check.ts'
import { fusedKernel } from './kernel.ts'

/**
 * Upper bound of one chunk's score matrix in bytes, as long as one query's scores fit (batch * heads * keys * 4).
 * Peak extra memory is at most four of these (probabilities and three temporaries of the softmax or of its gradient)
 * and, however long the sequences, four times the size of q, k, v and the output together, for copies by head.
 */
export const ATTENTION_CHUNK_BYTES = 32 * 1024 * 1024

export interface AttentionOptions {
  numHeads: number
  /** Added to the scores, broadcast over batch and heads: [N, M], or [B, 1, 1, M]. Not differentiated. */
  mask?: Tensor
}

export interface SelfAttentionOptions {
  numHeads: number
  /** Added to qkv first: [3C]. */
  bias?: Tensor
  /** Keys and values seen before the own ones, as `[B, M, 2C]` (keys | values), bias included. */
  prefix?: Tensor
}

/** softmax(q k^T / sqrt(D) + mask) v. q [B, N, C], k and v [B, M, C] -> [B, N, C] */
export function attention(q: Tensor, k: Tensor, v: Tensor, { numHeads, mask }: AttentionOptions): Tensor {
  checkShape('attention', 'q', q, ['B', 'N', 'C'])
  const [batch, queries, width] = q.shape as [number, number, number]
  checkHeads(width, numHeads)
  checkShape('attention', 'k', k, [batch, 'M', width])
  checkShape('attention', 'v', v, k.shape)
  if (mask?.rank === 2) checkShape('attention', 'mask', mask, [queries, k.shape[1]!])
  else if (mask) checkShape('attention', 'mask', mask, [mask.shape[0] === 1 ? 1 : batch, 1, 1, k.shape[1]!])
  return customGrad((...args: unknown[]) => {
    const [q, k, v, save] = args as [Tensor, Tensor, Tensor, (saved: Tensor[]) => void]
    const fused = mask ? null : fusedKernel('PS3Attention')
    const value = fused
      ? fused({ q, k, v }, { numHeads })
      : tidy(() => chunkedForward(q, k, v, numHeads, mask))
    save(mask ? [q, k, v, mask] : [q, k, v])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        chunkedBackward(dy, saved[0]!, saved[1]!, saved[2]!, numHeads, saved[3]),
    }
  })(q, k, v)
}

/**
 * Attention of a sequence to itself and to an optional prefix, straight from the fused projection.
 * qkv [B, N, 3C] (q | k | v, each with its heads side by side) -> [B, N, C]
 */
export function selfAttention(qkv: Tensor, { numHeads, bias, prefix }: SelfAttentionOptions): Tensor {
  checkShape('selfAttention', 'qkv', qkv, ['B', 'N', '3C'])
  const [batch, , width3] = qkv.shape as [number, number, number]
  const width = width3 / 3
  checkHeads(width, numHeads)
  if (bias) checkShape('selfAttention', 'bias', bias, [width3])
  if (prefix) checkShape('selfAttention', 'prefix', prefix, [batch, 'M', 2 * width])
  const fused = bias ? fusedKernel('PS3SelfAttention') : null
  if (!fused || !bias) return tidy(() => composed(bias ? add(qkv, bias) : qkv, prefix, numHeads))
  return customGrad((...args: unknown[]) => {
    const save = args[args.length - 1] as (saved: Tensor[]) => void
    const [x, b, p] = args.slice(0, -1) as [Tensor, Tensor, Tensor | undefined]
    const value = fused(p ? { qkv: x, bias: b, prefix: p } : { qkv: x, bias: b }, { numHeads })
    save(p ? [x, b, p] : [x, b])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedX, savedBias, savedPrefix] = saved
        const [dx, dPrefix] = qkvBackward(dy, add(savedX!, savedBias!), savedPrefix, numHeads)
        const dBias = sum(reshape(dx!, [-1, width3]), 0)
        return dPrefix ? [dx!, dBias, dPrefix] : [dx!, dBias]
      },
    }
  })(...(prefix ? [qkv, bias, prefix] : [qkv, bias]))
}

function composed(qkv: Tensor, prefix: Tensor | undefined, numHeads: number): Tensor {
  const [q, k, v] = queriesKeysValues(qkv, prefix)
  return attention(q, k, v, { numHeads })
}

function queriesKeysValues(qkv: Tensor, prefix: Tensor | undefined): [Tensor, Tensor, Tensor] {
  const [q, k, v] = split(qkv, 3, 2) as [Tensor, Tensor, Tensor]
  if (!prefix) return [q, k, v]
  const [prefixKeys, prefixValues] = split(prefix, 2, 2) as [Tensor, Tensor]
  return [q, concat([prefixKeys, k], 1), concat([prefixValues, v], 1)]
}

function qkvBackward(
  dy: Tensor,
  qkv: Tensor,
  prefix: Tensor | undefined,
  numHeads: number,
): [Tensor, Tensor?] {
  const [q, k, v] = queriesKeysValues(qkv, prefix)
  const [dq, dk, dv] = chunkedBackward(dy, q, k, v, numHeads) as [Tensor, Tensor, Tensor]
  if (!prefix) return [concat([dq, dk, dv], 2)]
  const [batch, rows, width] = [prefix.shape[0]!, prefix.shape[1]!, q.shape[2]!]
  const own = (d: Tensor) => slice(d, [0, rows, 0], [batch, -1, width])
  const before = (d: Tensor) => slice(d, [0, 0, 0], [batch, rows, width])
  return [concat([dq, own(dk), own(dv)], 2), concat([before(dk), before(dv)], 2)]
}

function checkHeads(width: number, numHeads: number): void {
  checkPositiveInteger('attention', 'numHeads', numHeads)
  if (!Number.isInteger(width / numHeads)) {
    throw new InvalidArgumentError(`width ${width} must be divisible by ${numHeads} heads`)
  }
}

/** [B, N, C] -> [B, H, N, D] */
const splitHeads = (x: Tensor, numHeads: number) =>
  transpose(reshape(x, [x.shape[0]!, x.shape[1]!, numHeads, x.shape[2]! / numHeads]), [0, 2, 1, 3])

/** [B, H, N, D] -> [B, N, C] */
const mergeHeads = (x: Tensor) => {
  const [batch, heads, rows, width] = x.shape as [number, number, number, number]
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, rows, heads * width])
}

function chunkRows(batch: number, heads: number, keys: number): number {
  return Math.max(1, Math.floor(ATTENTION_CHUNK_BYTES / (4 * batch * heads * keys)))
}

/** Calls `body` with every chunk of queries [start, start + rows). */
function eachChunk(
  q: Tensor,
  numHeads: number,
  keys: number,
  body: (start: number, rows: number) => void,
): void {
  const [batch, total] = q.shape as [number, number]
  const step = chunkRows(batch, numHeads, keys)
  for (let start = 0; start < total; start += step) body(start, Math.min(step, total - start))
}

/** Attention probabilities of one chunk: [B, H, rows, M] */
function probabilities(
  q: Tensor,
  kBHMD: Tensor,
  numHeads: number,
  mask: Tensor | undefined,
  start: number,
): Tensor {
  return tidy(() => {
    const scale = 1 / Math.sqrt(q.shape[2]! / numHeads)
    const scores = matMul(mul(splitHeads(q, numHeads), scale), kBHMD, false, true)
    if (!mask) return softmax(scores)
    const rows = q.shape[1]!
    return softmax(add(scores, mask.rank === 2 ? slice(mask, [start, 0], [rows, -1]) : mask))
  })
}

const rowsOf = (x: Tensor, start: number, rows: number) => slice(x, [0, start, 0], [-1, rows, -1])

function chunkedForward(q: Tensor, k: Tensor, v: Tensor, numHeads: number, mask?: Tensor): Tensor {
  const keys = splitHeads(k, numHeads)
  const values = splitHeads(v, numHeads)
  const outputs: Tensor[] = []
  eachChunk(q, numHeads, k.shape[1]!, (start, rows) => {
    outputs.push(
      tidy(() =>
        mergeHeads(matMul(probabilities(rowsOf(q, start, rows), keys, numHeads, mask, start), values)),
      ),
    )
  })
  return outputs.length === 1 ? outputs[0]! : concat(outputs, 1)
}

function chunkedBackward(
  dy: Tensor,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  numHeads: number,
  mask?: Tensor,
): Tensor[] {
  return tidy(() => {
    const keys = splitHeads(k, numHeads)
    const values = splitHeads(v, numHeads)
    const scale = 1 / Math.sqrt(q.shape[2]! / numHeads)
    const dqs: Tensor[] = []
    let dk: Tensor | undefined
    let dv: Tensor | undefined
    eachChunk(q, numHeads, k.shape[1]!, (start, rows) => {
      const [dqChunk, dkChunk, dvChunk] = tidy(() => {
        const qRows = rowsOf(q, start, rows)
        const p = probabilities(qRows, keys, numHeads, mask, start)
        const dOut = splitHeads(rowsOf(dy, start, rows), numHeads)
        const ds = tidy(() => {
          const dp = matMul(dOut, values, false, true)
          const expected = tidy(() => sum(mul(dp, p), -1, true))
          return mul(p, sub(dp, expected))
        })
        // The scale goes to the narrow factors: another score matrix would be one too many.
        return [
          mergeHeads(mul(matMul(ds, keys), scale)),
          matMul(ds, mul(splitHeads(qRows, numHeads), scale), true, false),
          matMul(p, dOut, true, false),
        ] as [Tensor, Tensor, Tensor]
      })
      dqs.push(dqChunk)
      dk = accumulate(dk, dkChunk)
      dv = accumulate(dv, dvChunk)
    })
    return [dqs.length === 1 ? dqs[0]! : concat(dqs, 1), mergeHeads(dk!), mergeHeads(dv!)]
  })
}

function accumulate(total: Tensor | undefined, part: Tensor): Tensor {
  if (!total) return part
  const next = add(total, part)
  total.dispose()
  part.dispose()
  return next
}
