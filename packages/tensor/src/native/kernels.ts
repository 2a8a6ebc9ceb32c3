// The fused operations as tfjs kernels of the backend 'tensorflow'. Gradients belong to the ops, which run the backward
// kernels themselves.
import {
  dispose,
  type KernelFunc,
  registerKernel,
  type Tensor,
  type TensorInfo,
  zeros,
} from '@tensorflow/tfjs-core'
import { PACKED_FORMATS, type PackedFormat } from '../nn/packing.ts'
import { executeOp, FLOAT32, INT32 } from './execute-op.ts'
import type { NodeBackend } from './tfjs-node.ts'

type Kernel = (
  backend: NodeBackend,
  inputs: Record<string, TensorInfo>,
  attrs: Record<string, unknown>,
) => Tensor | Tensor[]

const kernels: Record<string, Kernel> = {
  // qkv [B, N, 3C], bias [3C], prefix [B, M, 2C] or absent -> [B, N, C]
  PS3SelfAttention(backend, { qkv, bias, prefix }, { numHeads }) {
    const before = prefix ?? noKeys(qkv!)
    const attributes = { num_heads: { int: numHeads as number } }
    const [out] = executeOp(backend, 'Ps3SelfAttention', attributes, [qkv!, bias!, before])
    if (!prefix) (before as Tensor).dispose()
    return out!
  },
  // dy [B, N, C], and the inputs of PS3SelfAttention -> gradients of qkv and, where there is one, of prefix
  PS3SelfAttentionGrad(backend, { dy, qkv, bias, prefix }, { numHeads }) {
    const before = prefix ?? noKeys(qkv!)
    const attributes = { num_heads: { int: numHeads as number } }
    const [dqkv, dPrefix] = executeOp(
      backend,
      'Ps3SelfAttentionGrad',
      attributes,
      [dy!, qkv!, bias!, before],
      2,
    )
    if (prefix) return [dqkv!, dPrefix!]
    dispose([before as Tensor, dPrefix!])
    return [dqkv!]
  },
  // q [B, N, C], k and v [B, M, C'], before them early and late [B, P, 2C'] or absent -> [B, N, C]. With causalOffset, query
  // i sees the keys up to i + causalOffset.
  PS3Attention(backend, { q, k, v, early, late }, { numHeads, numKeyValueHeads = numHeads, causalOffset }) {
    const prefixes = [early, late].filter((part) => part !== undefined)
    const attributes = {
      num_heads: { int: numHeads as number },
      num_kv_heads: { int: numKeyValueHeads as number },
      causal: { bool: causalOffset !== undefined },
      causal_offset: { int: (causalOffset as number | undefined) ?? 0 },
      prefixes: { int: prefixes.length },
    }
    // What stands for an absent prefix is not read.
    return executeOp(backend, 'Ps3Attention', attributes, [q!, k!, v!, ...prefixes, q!, q!].slice(0, 5))[0]!
  },
  // x [..., C], weight [C] -> [..., C]
  PS3RmsNorm(backend, { x, weight }, { eps }) {
    return executeOp(backend, 'Ps3RmsNorm', { eps: { float: eps as number } }, [x!, weight!])[0]!
  },
  // Two of one shape -> silu(gate) * up
  PS3SiluMul(backend, { gate, up }) {
    return executeOp(backend, 'Ps3SiluMul', {}, [gate!, up!])[0]!
  },
  // x [T, C], cos and sin [T, D / 2] -> [T, C]
  PS3Rotary(backend, { x, cos, sin }) {
    return executeOp(backend, 'Ps3Rotary', {}, [x!, cos!, sin!])[0]!
  },
  // x [R, in], weight [out, in], bias [out] or absent -> [R, out]
  PS3FewRows(backend, { x, weight, bias }) {
    const attributes = { has_bias: { bool: bias !== undefined } }
    return executeOp(backend, 'Ps3FewRows', attributes, [x!, weight!, bias ?? x!])[0]!
  },
  // x [R, columns], a packed matrix [rows, columns] as words (int32) and scales, bias [rows] or absent -> [R, rows]
  PS3PackedRows(backend, { x, words, scales, bias }, { format, rows, columns }) {
    const attributes = { ...packed(format, rows, columns), has_bias: { bool: bias !== undefined } }
    return executeOp(backend, 'Ps3PackedRows', attributes, [x!, words!, scales!, bias ?? x!])[0]!
  },
  // A packed matrix, ids [n] (int32) -> those rows as float32 [n, columns]
  PS3UnpackRows(backend, { words, scales, ids }, { format, rows, columns }) {
    return executeOp(backend, 'Ps3UnpackRows', packed(format, rows, columns), [words!, scales!, ids!])[0]!
  },
  // x [T, hidden], cos and sin [T, D / 2], settled and recent [1, P, 2KD] or absent, norms [hidden], biases, and matrices in
  // one format, with scales where it has them -> the next x [T, hidden], recent grown by x's keys | values [1, P + T, 2KD]
  PS3DecoderLayer(backend, inputs, { numHeads, numKeyValueHeads, normEps, format, inner }) {
    const { x, cos, sin, settled, recent } = inputs
    const attributes = {
      T: format === 'f32' ? FLOAT32 : INT32,
      num_heads: { int: numHeads as number },
      num_kv_heads: { int: numKeyValueHeads as number },
      has_settled: { bool: settled !== undefined },
      has_recent: { bool: recent !== undefined },
      eps: { float: normEps as number },
      format: { int: formatNumber(format) },
      rows: { int: inner as number },
    }
    // What stands for what is absent is not read.
    const named = [...DECODER_VECTORS, ...DECODER_MATRICES].map((name) => inputs[name]!)
    const scales = DECODER_MATRICES.map((name) => inputs[`${name}Scales`] ?? x!)
    const list = [x!, cos!, sin!, settled ?? x!, recent ?? x!, ...named, ...scales]
    return executeOp(backend, 'Ps3DecoderLayer', attributes, list, 2)
  },
  // x [..., C], weight [C], bias [C] -> [..., C]
  PS3LayerNorm(backend, { x, weight, bias }, { eps }) {
    return executeOp(backend, 'Ps3LayerNorm', { eps: { float: eps as number } }, [x!, weight!, bias!])[0]!
  },
  // x [..., C], bias [C] -> [..., C]
  PS3BiasGelu(backend, { x, bias }, { approximate }) {
    return executeOp(backend, 'Ps3BiasGelu', { tanh: { bool: approximate === 'tanh' } }, [x!, bias!])[0]!
  },
  // dy, x [..., C], weight [C] -> dx [..., C], gradients of weight and bias [2, C]
  PS3LayerNormGrad(backend, { dy, x, weight }, { eps }) {
    return executeOp(backend, 'Ps3LayerNormGrad', { eps: { float: eps as number } }, [dy!, x!, weight!], 2)
  },
  // dy, x [..., C], bias [C] -> dx [..., C], the bias's gradient [C]
  PS3BiasGeluGrad(backend, { dy, x, bias }, { approximate }) {
    const attributes = { tanh: { bool: approximate === 'tanh' } }
    return executeOp(backend, 'Ps3BiasGeluGrad', attributes, [dy!, x!, bias!], 2)
  },
  // Four of one shape, factors [6] (decay, size, beta1, beta2, correction, epsilon) -> new parameter, mean, mean square
  PS3AdamW(backend, { parameter, gradient, mean, meanSquare, factors }) {
    return executeOp(backend, 'Ps3AdamW', {}, [parameter!, gradient!, mean!, meanSquare!, factors!], 3)
  },
  // int32: pictures [B, words of 4 bytes], sizes [height, width, patch], positions [rows or columns, 4]; float32: weights
  // like positions, affine [2, 3] -> [B, patches, 3 * patch * patch]
  PS3ResizedPatches(backend, inputs) {
    const { pictures, sizes, rowPositions, columnPositions, rowWeights, columnWeights, affine } = inputs
    const list = [pictures, sizes, rowPositions, columnPositions, rowWeights, columnWeights, affine]
    return executeOp(backend, 'Ps3ResizedPatches', {}, list as TensorInfo[])[0]!
  },
}

const DECODER_VECTORS = ['inputNorm', 'mlpNorm', 'qBias', 'kBias', 'vBias']
const DECODER_MATRICES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down']

const formatNumber = (format: unknown): number =>
  format === 'f32' ? PACKED_FORMATS.length : PACKED_FORMATS.indexOf(format as PackedFormat)

const packed = (format: unknown, rows: unknown, columns: unknown) => ({
  format: { int: formatNumber(format) },
  rows: { int: rows as number },
  columns: { int: columns as number },
})

/** An empty prefix for qkv [B, N, 3C]: [B, 0, 2C] */
const noKeys = ({ shape: [batch, , width] }: TensorInfo) => zeros([batch!, 0, (width! / 3) * 2])

/** Once per process and copy of tfjs-core. */
export function registerFusedKernels(): void {
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    const kernelFunc: KernelFunc = ({ inputs, backend, attrs }) =>
      kernel(backend as unknown as NodeBackend, inputs as Record<string, TensorInfo>, (attrs ?? {}) as never)
    registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc })
  }
}
