// The part of tfjs-node's backend that is used beyond tfjs's own interface.
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core'

export interface OpAttribute {
  name: string
  /** One of the binding's TF_ATTR_ constants. */
  type: number
  value: number | boolean | string | readonly number[]
}

export interface OutputMetadata {
  id: number
  dtype: number
  shape: number[]
}

export interface NodeBinding {
  TF_ATTR_INT: number
  TF_ATTR_FLOAT: number
  TF_ATTR_BOOL: number
  TF_ATTR_TYPE: number
  TF_ATTR_STRING: number
  isUsingGpuDevice(): boolean
  executeOp(name: string, attributes: OpAttribute[], ids: number[], outputs: number): OutputMetadata[]
  deleteTensor(id: number): void
}

export interface NodeBackend {
  binding: NodeBinding
  getInputTensorIds(tensors: readonly TensorInfo[]): number[]
  createOutputTensor(metadata: OutputMetadata): Tensor
}
