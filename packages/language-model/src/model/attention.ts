// Causal self-attention with shared keys and values, over sequences that lie one after another.
// T tokens of all sequences, H heads, K heads of keys and values, D width of a head.

import {
  attention,
  concat,
  gatherRows,
  Module,
  reshape,
  rotary,
  split,
  type Tensor,
  tidy,
  tile,
} from '@ps3js/tensor'
import type { LanguageModelConfig } from '../config.ts'
import { type KeyValueCache, tensorsOf } from './kv-cache.ts'
import type { LayerFactory, LinearLayer } from './layers.ts'
import type { RotaryTables } from './rotary.ts'

/** New tokens of one sequence, in the order of the rows, and the keys and values of those before them. */
export interface SequencePart {
  length: number
  past?: KeyValueCache | null
  /** In its place: the part of this pass, by its number, that these tokens follow. Several may follow one, each on its own. */
  after?: number
}

export class SelfAttention extends Module {
  readonly q_proj: LinearLayer
  readonly k_proj: LinearLayer
  readonly v_proj: LinearLayer
  readonly o_proj: LinearLayer
  readonly #config: LanguageModelConfig

  constructor(config: LanguageModelConfig, layers: LayerFactory) {
    super()
    const { hiddenSize, numHeads, numKeyValueHeads, headDim, initializerRange: std } = config
    const project = (name: string, inFeatures: number, outFeatures: number, bias: boolean) =>
      layers.linear({ name, inFeatures, outFeatures, bias, std })
    this.q_proj = project('q_proj', hiddenSize, numHeads * headDim, true)
    this.k_proj = project('k_proj', hiddenSize, numKeyValueHeads * headDim, true)
    this.v_proj = project('v_proj', hiddenSize, numKeyValueHeads * headDim, true)
    this.o_proj = project('o_proj', numHeads * headDim, hiddenSize, false)
    this.#config = config
  }

  /**
   * x [T, hidden] -> the attended tokens [T, hidden], or those of some rows, and all keys | values [T, 2KD] for the caches.
   */
  forward(
    x: Tensor,
    { cos, sin }: RotaryTables,
    parts: readonly SequencePart[],
    layer: number,
    rows: Int32Array | null = null,
  ): { output: Tensor; keysValues: Tensor } {
    return tidy(() => {
      const q = rotary(this.q_proj.forward(x), cos, sin)
      const k = rotary(this.k_proj.forward(x), cos, sin)
      const v = this.v_proj.forward(x)
      const attended = this.#attend(q, k, v, parts, layer)
      const wanted = rows ? gatherRows(attended, rows) : attended
      return { output: this.o_proj.forward(wanted), keysValues: concat([k, v], 1) }
    })
  }

  /** Sequences of one length go together, and of those that follow another what these are as long: none is padded. */
  #attend(q: Tensor, k: Tensor, v: Tensor, parts: readonly SequencePart[], layer: number): Tensor {
    const groups = alike(parts)
    if (groups.length === 1) return this.#attendOnce(q, k, v, parts.length, prefixOf(parts[0]!, layer))
    const lengths = parts.map(({ length }) => length)
    const [qs, ks, vs] = [q, k, v].map((x) => split(x, lengths, 0) as Tensor[])
    // Once for all that follow: its gradient is the sum of theirs.
    const followed = new Map<number, Tensor>()
    for (const { after } of parts) {
      if (after === undefined || followed.has(after)) continue
      const rows = concat([ks![after]!, vs![after]!], 1)
      followed.set(after, reshape(rows, [1, ...rows.shape]))
    }
    const outputs: Tensor[] = []
    for (const same of groups) {
      const joined = ([qs, ks, vs] as Tensor[][]).map((all) =>
        concat(
          same.map((j) => all[j]!),
          0,
        ),
      )
      const before = same.flatMap((j) => followed.get(parts[j]!.after!) ?? [])
      const prefix = before.length > 0 ? stacked(before) : prefixOf(parts[same[0]!]!, layer)
      const attended = this.#attendOnce(joined[0]!, joined[1]!, joined[2]!, same.length, prefix)
      // The gradient of a split wants two parts at least.
      const each = same.length === 1 ? [attended] : split(attended, same.length, 0)
      each.forEach((output, n) => {
        outputs[same[n]!] = output
      })
    }
    return concat(outputs, 0)
  }

  #attendOnce(q: Tensor, k: Tensor, v: Tensor, batch: number, prefix?: Tensor | readonly Tensor[]): Tensor {
    const { numHeads, numKeyValueHeads } = this.#config
    const byBatch = (x: Tensor) => reshape(x, [batch, x.shape[0]! / batch, x.shape[1]!])
    const options = { numHeads, numKeyValueHeads, causal: true, prefix }
    return reshape(attention(byBatch(q), byBatch(k), byBatch(v), options), q.shape)
  }
}

const prefixOf = ({ past }: SequencePart, layer: number): readonly Tensor[] =>
  past ? tensorsOf(past.layer(layer)) : []

/** The parts' numbers, those together that are equally long and follow what is equally long. */
function alike(parts: readonly SequencePart[]): number[][] {
  const groups = new Map<string, number[]>()
  parts.forEach(({ length, past, after }, i) => {
    const before = after === undefined ? 'nothing' : parts[after]!.length
    const name = past?.length ? `alone ${i}` : `${length} after ${before}`
    groups.set(name, [...(groups.get(name) ?? []), i])
  })
  return [...groups.values()]
}

/** Tensors [1, ...] of one shape as one: [N, ...] */
const stacked = (all: Tensor[]): Tensor =>
  all.every((one) => one === all[0]) ? tile(all[0]!, [all.length, 1, 1]) : concat(all, 0)
