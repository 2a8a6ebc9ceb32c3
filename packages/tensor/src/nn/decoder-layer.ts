// One layer of a decoder in one kernel (RMSNorm, rotary attention with shared keys and values, SwiGLU), for the few tokens of
// a step of generation: as single ops, half of such a step passes between the matrix products.
// T tokens, H heads, K heads of keys and values, D width of a head.

import { FEW_ROWS, fusedKernel } from '../ops/kernel.ts'
import { engine, type Tensor } from '../tf.ts'
import type { Parameter, StoredMatrix } from './parameter.ts'

export interface DecoderLayerOptions {
  numHeads: number
  numKeyValueHeads: number
  normEps: number
  /** Keys | values of the earlier tokens before, which stay where they are: [1, P, 2KD] */
  settled: Tensor | null
  /** Those of the later ones, to which the new tokens' are joined: [1, P, 2KD] */
  recent: Tensor | null
}

/** Matrices [out, in], all of them float32 or all packed in one format, and what is added or multiplied: [out]. */
export interface DecoderLayerWeights {
  inputNorm: Parameter
  mlpNorm: Parameter
  biases: Record<'q' | 'k' | 'v', Parameter>
  matrices: Record<'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down', Parameter>
}

/**
 * Null where plain ops must serve: the backend has no such kernel, there are more than a few tokens, the matrices lie in
 * several formats or not with the backend, or a gradient is wanted. The same from plain ops is the language model's `DecoderLayer`.
 *
 * @param x tokens of one sequence that follow the prefix: [T, hidden]
 * @param cos cosines of their rotary angles, [T, D / 2]; like `sin`
 * @returns the next layer's x [T, hidden], and `recent` with the keys | values of these tokens [1, P + T, 2KD]
 */
export function decoderLayer(
  x: Tensor,
  cos: Tensor,
  sin: Tensor,
  { inputNorm, mlpNorm, biases, matrices }: DecoderLayerWeights,
  { numHeads, numKeyValueHeads, normEps, settled, recent }: DecoderLayerOptions,
): [output: Tensor, recent: Tensor] | null {
  const fused = fusedKernel<[Tensor, Tensor]>('PS3DecoderLayer')
  const wanted = engine().state.gradientDepth > 0
  if (!fused || wanted || x.shape[0]! > FEW_ROWS) return null
  const inputs: Record<string, Tensor> = { x, cos, sin, inputNorm: inputNorm.value, mlpNorm: mlpNorm.value }
  if (settled) inputs.settled = settled
  if (recent) inputs.recent = recent
  for (const [name, bias] of Object.entries(biases)) inputs[`${name}Bias`] = bias.value
  let format: StoredMatrix['format'] | undefined
  for (const [name, matrix] of Object.entries(matrices)) {
    const stored = matrix.stored()
    format ??= stored?.format
    if (!stored || stored.format !== format) return null
    inputs[name] = stored.words
    if (stored.scales) inputs[`${name}Scales`] = stored.scales
  }
  const inner = matrices.gate.shape[0]!
  return fused(inputs, { numHeads, numKeyValueHeads, normEps, format, inner })
}
