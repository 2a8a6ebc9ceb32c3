// Multi-head attention that never holds the whole score matrix (Dao et al., arXiv:2205.14135, in kind): queries go
// through in chunks, and the backward pass computes each chunk's probabilities again.
// Shapes: B batch, N queries, M keys, H heads, D width of a head, C = H * D; K heads of keys and values, each shared by
// G = H / K heads of queries (Ainslie et al., arXiv:2305.13245).

import { customGrad, type Tensor } from '@tensorflow/tfjs-core'
import { InvalidArgumentError } from '../errors.ts'
import {
  add,
  concat,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  split,
  sub,
  sum,
  tensor2d,
  tidy,
  transpose,
} from '../tf.ts'
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
  /** Heads of k and v, when fewer than those of q share them. */
  numKeyValueHeads?: number
  /** The queries stand at the last N of the M keys' positions, and none sees a key after its own. */
  causal?: boolean
  /** Keys and values before k and v, as `[B, P, 2KD]` (keys | values), or up to two such parts, the earlier one first. */
  prefix?: Tensor | readonly Tensor[]
  /** Added to the scores, broadcast over batch and heads: [N, M], or [B, 1, 1, M]. Not differentiated. */
  mask?: Tensor
}

/** What the arithmetic needs to know beside the tensors. */
interface Form {
  numHeads: number
  numKeyValueHeads: number
  causal: boolean
  mask?: Tensor
}

export interface SelfAttentionOptions {
  numHeads: number
  /** Added to qkv first: [3C]. */
  bias?: Tensor
  /** Keys and values seen before the own ones, as `[B, M, 2C]` (keys | values), bias included. */
  prefix?: Tensor
}

/** softmax(q k^T / sqrt(D) + mask) v. q [B, N, C], k and v [B, M, KD] -> [B, N, C]; M counts the prefix. */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const form = checkAttention(q, k, v, options)
  const prefixes = prefixesOf(options)
  const { numHeads, numKeyValueHeads, causal, mask } = form
  return customGrad((...args: unknown[]) => {
    const save = args[args.length - 1] as (saved: Tensor[]) => void
    const [q, k, v, early, late] = args.slice(0, -1) as [Tensor, Tensor, Tensor, Tensor?, Tensor?]
    const before = [early, late].filter((part) => part !== undefined)
    const fused = mask ? null : fusedKernel('PS3Attention')
    const keys = before.reduce((sum, part) => sum + part.shape[1]!, k.shape[1]!)
    const causalOffset = causal ? keys - q.shape[1]! : undefined
    const value = fused
      ? fused(
          { q, k, v, ...(early && { early }), ...(late && { late }) },
          { numHeads, numKeyValueHeads, causalOffset },
        )
      : tidy(() => chunkedForward(q, ...allKeys(k, v, before), form))
    save([q, k, v, ...before, ...(mask ? [mask] : [])])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [q, k, v] = saved as [Tensor, Tensor, Tensor]
        const before = saved.slice(3, 3 + prefixes.length)
        const savedForm = { ...form, mask: saved[3 + prefixes.length] }
        const [dq, dk, dv] = chunkedBackward(dy, q, ...allKeys(k, v, before), savedForm)
        const parts = [...before, k].map((part) => part.shape[1]!)
        const [dks, dvs] = [dk!, dv!].map((d) => split(d, parts, 1)) as [Tensor[], Tensor[]]
        const [dOwnK, dOwnV] = [dks.pop()!, dvs.pop()!]
        return [dq!, dOwnK, dOwnV, ...dks.map((dKeys, i) => concat([dKeys, dvs[i]!], 2))]
      },
    }
  })(q, k, v, ...prefixes)
}

function prefixesOf({ prefix }: AttentionOptions): readonly Tensor[] {
  if (!prefix) return []
  return 'shape' in prefix ? [prefix] : prefix
}

/** Keys and values with those before them: [B, M, KD] each. */
function allKeys(k: Tensor, v: Tensor, before: readonly Tensor[]): [Tensor, Tensor] {
  if (before.length === 0) return [k, v]
  const halves = before.map((part) => split(part, 2, 2) as [Tensor, Tensor])
  return [
    concat([...halves.map(([keys]) => keys), k], 1),
    concat([...halves.map(([, values]) => values), v], 1),
  ]
}

function checkAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Form {
  const { numHeads, numKeyValueHeads = numHeads, causal = false, mask } = options
  checkShape('attention', 'q', q, ['B', 'N', 'C'])
  const [batch, queries, width] = q.shape as [number, number, number]
  checkHeads(width, numHeads)
  checkPositiveInteger('attention', 'numKeyValueHeads', numKeyValueHeads)
  if (numHeads % numKeyValueHeads !== 0) {
    throw new InvalidArgumentError(
      `${numHeads} heads cannot share ${numKeyValueHeads} heads of keys and values: it must divide them`,
    )
  }
  const keyWidth = (width / numHeads) * numKeyValueHeads
  checkShape('attention', 'k', k, [batch, 'M', keyWidth])
  checkShape('attention', 'v', v, k.shape)
  const prefixes = prefixesOf(options)
  if (prefixes.length > 2) {
    throw new InvalidArgumentError(`attention: ${prefixes.length} prefixes, expected at most 2: join some`)
  }
  for (const prefix of prefixes) checkShape('attention', 'prefix', prefix, [batch, 'P', 2 * keyWidth])
  const keys = prefixes.reduce((sum, prefix) => sum + prefix.shape[1]!, k.shape[1]!)
  if (mask?.rank === 2) checkShape('attention', 'mask', mask, [queries, keys])
  else if (mask) checkShape('attention', 'mask', mask, [mask.shape[0] === 1 ? 1 : batch, 1, 1, keys])
  if (causal && keys < queries) {
    throw new InvalidArgumentError(
      `causal attention: ${queries} queries have only ${keys} keys, at least one each is needed`,
    )
  }
  return { numHeads, numKeyValueHeads, causal, mask }
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
        const backward = fusedKernel<Tensor[]>('PS3SelfAttentionGrad')
        const inputs = { dy, qkv: savedX!, bias: savedBias!, ...(savedPrefix && { prefix: savedPrefix }) }
        const [dx, dPrefix] = backward
          ? backward(inputs, { numHeads })
          : qkvBackward(dy, add(savedX!, savedBias!), savedPrefix, numHeads)
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
  const form = { numHeads, numKeyValueHeads: numHeads, causal: false }
  const [dq, dk, dv] = chunkedBackward(dy, q, k, v, form) as [Tensor, Tensor, Tensor]
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

/** [B, N, C] -> [B, K, G * N, D]: the heads that share keys, one below the other. */
function groupHeads(x: Tensor, { numHeads, numKeyValueHeads }: Form): Tensor {
  const [batch, rows, width] = x.shape as [number, number, number]
  const group = numHeads / numKeyValueHeads
  return reshape(splitHeads(x, numHeads), [batch, numKeyValueHeads, group * rows, width / numHeads])
}

/** [B, K, G * N, D] -> [B, N, C] */
function mergeGroups(x: Tensor, { numHeads, numKeyValueHeads }: Form): Tensor {
  const [batch, , grouped, width] = x.shape as [number, number, number, number]
  return mergeHeads(reshape(x, [batch, numHeads, (grouped * numKeyValueHeads) / numHeads, width]))
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

/** Attention probabilities of the chunk of queries that starts at `start`: [B, K, G * rows, M] */
function probabilities(q: Tensor, kBKMD: Tensor, form: Form, start: number, queries: number): Tensor {
  return tidy(() => {
    const [batch, rows, width] = q.shape as [number, number, number]
    const scale = 1 / Math.sqrt(width / form.numHeads)
    const scores = matMul(mul(groupHeads(q, form), scale), kBKMD, false, true)
    if (!form.mask && !form.causal) return softmax(scores)
    const keys = kBKMD.shape[2]!
    let byHead = reshape(scores, [batch, form.numHeads, rows, keys])
    const { mask } = form
    if (mask) byHead = add(byHead, mask.rank === 2 ? slice(mask, [start, 0], [rows, -1]) : mask)
    if (form.causal) byHead = add(byHead, causalMask(rows, keys, start + keys - queries))
    return softmax(reshape(byHead, scores.shape))
  })
}

/** [rows, keys]: row i sees keys 0 .. i + offset. Finite, since WGSL may take infinities for absent. */
function causalMask(rows: number, keys: number, offset: number): Tensor {
  const values = new Float32Array(rows * keys)
  for (let i = 0; i < rows; i++) values.fill(-1e9, i * keys + Math.min(keys, i + offset + 1), (i + 1) * keys)
  return tensor2d(values, [rows, keys])
}

const rowsOf = (x: Tensor, start: number, rows: number) => slice(x, [0, start, 0], [-1, rows, -1])

function chunkedForward(q: Tensor, k: Tensor, v: Tensor, form: Form): Tensor {
  const keys = splitHeads(k, form.numKeyValueHeads)
  const values = splitHeads(v, form.numKeyValueHeads)
  const outputs: Tensor[] = []
  eachChunk(q, form.numHeads, k.shape[1]!, (start, rows) => {
    outputs.push(
      tidy(() => {
        const p = probabilities(rowsOf(q, start, rows), keys, form, start, q.shape[1]!)
        return mergeGroups(matMul(p, values), form)
      }),
    )
  })
  return outputs.length === 1 ? outputs[0]! : concat(outputs, 1)
}

function chunkedBackward(dy: Tensor, q: Tensor, k: Tensor, v: Tensor, form: Form): Tensor[] {
  return tidy(() => {
    const keys = splitHeads(k, form.numKeyValueHeads)
    const values = splitHeads(v, form.numKeyValueHeads)
    const scale = 1 / Math.sqrt(q.shape[2]! / form.numHeads)
    const dqs: Tensor[] = []
    let dk: Tensor | undefined
    let dv: Tensor | undefined
    eachChunk(q, form.numHeads, k.shape[1]!, (start, rows) => {
      const [dqChunk, dkChunk, dvChunk] = tidy(() => {
        const qRows = rowsOf(q, start, rows)
        const p = probabilities(qRows, keys, form, start, q.shape[1]!)
        const dOut = groupHeads(rowsOf(dy, start, rows), form)
        const ds = tidy(() => {
          const dp = matMul(dOut, values, false, true)
          const expected = tidy(() => sum(mul(dp, p), -1, true))
          return mul(p, sub(dp, expected))
        })
        // The scale goes to the narrow factors: another score matrix would be one too many.
        return [
          mergeGroups(mul(matMul(ds, keys), scale), form),
          matMul(ds, mul(groupHeads(qRows, form), scale), true, false),
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
