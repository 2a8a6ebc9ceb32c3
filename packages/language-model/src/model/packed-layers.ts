// Layers whose weights stay packed in half precision or in 8 or 4 bits.

import {
  Module,
  normalInitializer,
  type PackedFormat,
  PackedParameter,
  Parameter,
  reshape,
  type Tensor,
  tidy,
  zerosInitializer,
} from '@ps3js/tensor'
import type { EmbeddingLayer, LayerFactory, LinearLayer } from './layers.ts'

export class PackedLinear extends Module implements LinearLayer {
  readonly weight: PackedParameter
  readonly bias: Parameter | null

  constructor(weight: PackedParameter, bias: boolean) {
    super()
    this.weight = weight
    this.bias = bias ? new Parameter([weight.shape[0]!], zerosInitializer) : null
  }

  forward(x: Tensor): Tensor {
    return multiply(this.weight, x, this.bias?.value)
  }
}

class PackedEmbedding extends Module implements EmbeddingLayer {
  readonly weight: PackedParameter

  constructor(weight: PackedParameter) {
    super()
    this.weight = weight
  }

  lookUp(ids: Int32Array): Tensor {
    return this.weight.rows(ids)
  }

  project(x: Tensor): Tensor {
    return multiply(this.weight, x)
  }
}

/**
 * Packed weights, which cannot be trained: for `loadModel(ref, { layers: packedLayers('bf16') })`. Checkpoints of another
 * number type are rounded as they are read; `ps3 convert --quantize` rounds them once.
 */
export const packedLayers = (format: PackedFormat): LayerFactory => ({
  linear: ({ inFeatures, outFeatures, bias, std }) =>
    new PackedLinear(new PackedParameter(outFeatures, inFeatures, format, normalInitializer(std)), bias),
  embedding: (count, width, std) =>
    new PackedEmbedding(new PackedParameter(count, width, format, normalInitializer(std))),
})

/** x [..., in] -> [..., out] */
function multiply(weight: PackedParameter, x: Tensor, bias?: Tensor): Tensor {
  if (x.rank === 2) return weight.multiply(x, bias)
  const [rows, columns] = weight.shape as [number, number]
  return tidy(() =>
    reshape(weight.multiply(reshape(x, [-1, columns]), bias), [...x.shape.slice(0, -1), rows]),
  )
}
