// A decoder layer in one kernel, where the backend has it: what makes a step of generation fast.

import { decoderLayer, Linear, type Parameter, type Tensor } from '@ps3js/tensor'
import type { LanguageModelConfig } from '../config.ts'
import type { DecoderLayer } from './decoder.ts'
import type { LayerCache } from './kv-cache.ts'
import type { LinearLayer } from './layers.ts'
import { PackedLinear } from './packed-layers.ts'
import type { RotaryTables } from './rotary.ts'

/**
 * What `layer.forward` gives for a few tokens of one sequence behind its cache; null where plain ops must serve: no
 * such kernel, many tokens, a gradient wanted, or layers with adapters.
 */
export function fusedLayer(
  layer: DecoderLayer,
  { numHeads, numKeyValueHeads, normEps }: LanguageModelConfig,
  x: Tensor,
  { cos, sin }: RotaryTables,
  { settled, recent }: Readonly<LayerCache>,
): { output: Tensor; keysValues: Tensor } | null {
  const { self_attn, mlp } = layer
  const [q, k, v, o] = [self_attn.q_proj, self_attn.k_proj, self_attn.v_proj, self_attn.o_proj].map(plain)
  const [gate, up, down] = [mlp.gate_proj, mlp.up_proj, mlp.down_proj].map(plain)
  if (!q?.bias || !k?.bias || !v?.bias || !o || !gate || !up || !down) return null
  const outputs = decoderLayer(
    x,
    cos,
    sin,
    {
      inputNorm: layer.input_layernorm.weight,
      mlpNorm: layer.post_attention_layernorm.weight,
      biases: { q: q.bias, k: k.bias, v: v.bias },
      matrices: {
        ...{ q: q.weight, k: k.weight, v: v.weight, o: o.weight },
        ...{ gate: gate.weight, up: up.weight, down: down.weight },
      },
    },
    { numHeads, numKeyValueHeads, normEps, settled, recent },
  )
  return outputs && { output: outputs[0], keysValues: outputs[1] }
}

/** The weights of a layer that computes x W^T + b and nothing else. */
function plain(layer: LinearLayer): { weight: Parameter; bias: Parameter | null } | null {
  // Not `instanceof`: an adapter's layer is a Linear, too.
  return layer.constructor === Linear || layer.constructor === PackedLinear
    ? (layer as Linear | PackedLinear)
    : null
}
