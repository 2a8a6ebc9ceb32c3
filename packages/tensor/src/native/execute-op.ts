// Runs any TensorFlow operation by name, also those that tfjs does not expose and our own.
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core'
import type { NodeBackend, OpAttribute, OutputMetadata } from './tfjs-node.ts'

/** An attribute's value, by kind: `{ int: 16 }`, `{ type: 14 }`. */
export type AttributeValue =
  | { int: number }
  | { float: number }
  | { bool: boolean }
  /** A TensorFlow data type's number. */
  | { type: number }

/** TensorFlow's numbers of its data types, as attributes. */
export const FLOAT32 = { type: 1 }
export const INT32 = { type: 3 }
export const BFLOAT16 = { type: 14 }

/** The outputs belong to tfjs: tidy and dispose free them. */
export function executeOp(
  backend: NodeBackend,
  name: string,
  attributes: Record<string, AttributeValue>,
  inputs: readonly TensorInfo[],
  numOutputs = 1,
): Tensor[] {
  const outputs = executeOnIds(backend, name, attributes, backend.getInputTensorIds(inputs), numOutputs)
  return outputs.map((metadata) => backend.createOutputTensor(metadata))
}

/**
 * The same below tfjs, for types that tfjs lacks. The outputs are the caller's: each goes to `createOutputTensor` or to
 * the binding's `deleteTensor`.
 */
export function executeOnIds(
  { binding }: NodeBackend,
  name: string,
  attributes: Record<string, AttributeValue>,
  ids: number[],
  numOutputs = 1,
): OutputMetadata[] {
  const list = Object.entries(attributes).map(([key, value]) => attribute(binding, key, value))
  return binding.executeOp(name, list, ids, numOutputs)
}

function attribute(binding: NodeBackend['binding'], name: string, value: AttributeValue): OpAttribute {
  if ('int' in value) return { name, type: binding.TF_ATTR_INT, value: value.int }
  if ('float' in value) return { name, type: binding.TF_ATTR_FLOAT, value: value.float }
  if ('bool' in value) return { name, type: binding.TF_ATTR_BOOL, value: value.bool }
  return { name, type: binding.TF_ATTR_TYPE, value: value.type }
}
