// The layers that hold nearly all weights, as parts that are passed in: float32 here, adapters and packed weights elsewhere.

import { gatherRows, Linear, linear, Module, normalInitializer, Parameter, type Tensor } from '@ps3js/tensor'

/** A linear layer, however it holds its weights: x [..., in] -> [..., out]. */
export interface LinearLayer extends Module {
  forward(x: Tensor): Tensor
}

/** The table of token embeddings. */
export interface EmbeddingLayer extends Module {
  /** Ids of T tokens -> [T, width] */
  lookUp(ids: Int32Array): Tensor
  /** The table as an output head: [..., width] -> [..., count] */
  project(x: Tensor): Tensor
}

export interface LinearShape {
  /** Its property, such as `q_proj`. */
  name: string
  inFeatures: number
  outFeatures: number
  bias: boolean
  /** Standard deviation of fresh weights. */
  std: number
}

/** Makes a model's layers. */
export interface LayerFactory {
  linear(shape: LinearShape): LinearLayer
  embedding(count: number, width: number, std: number): EmbeddingLayer
}

export class Embedding extends Module implements EmbeddingLayer {
  readonly weight: Parameter

  constructor(count: number, width: number, std: number) {
    super()
    this.weight = new Parameter([count, width], normalInitializer(std))
  }

  lookUp(ids: Int32Array): Tensor {
    return gatherRows(this.weight.value, ids)
  }

  project(x: Tensor): Tensor {
    return linear(x, this.weight.value)
  }
}

/** Plain float32 weights, all of them trainable. */
export const float32Layers: LayerFactory = {
  linear: ({ inFeatures, outFeatures, bias, std }) =>
    new Linear(inFeatures, outFeatures, { bias, init: normalInitializer(std) }),
  embedding: (count, width, std) => new Embedding(count, width, std),
}
