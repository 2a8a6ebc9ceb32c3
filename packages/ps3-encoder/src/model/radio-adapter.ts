// Maps C-RADIO features to SigLIP's (NVlabs/RADIO adaptor_mlp, versions v1 and v2).

import { add, gelu, LayerNorm, Linear, Module, relu, type Tensor, tidy } from '@ps3js/tensor'

export interface RadioAdapterConfig {
  inputDim: number
  hiddenDim: number
  outputDim: number
  numInner: number
}

/** torch.nn.LayerNorm's own default. */
const EPS = 1e-5

/** Places in PyTorch's nn.Sequential that hold no parameters (activations). */
const PARAMETERLESS = null

export class RadioAdapterV1 extends Module {
  readonly fc1: Linear
  readonly norm: LayerNorm
  readonly inner: (Linear | LayerNorm | typeof PARAMETERLESS)[]
  readonly fc2: Linear

  constructor({ inputDim, hiddenDim, outputDim, numInner }: RadioAdapterConfig) {
    super()
    this.fc1 = new Linear(inputDim, hiddenDim)
    this.norm = new LayerNorm(hiddenDim, EPS)
    this.inner = Array.from({ length: numInner }, () => [
      new Linear(hiddenDim, hiddenDim),
      new LayerNorm(hiddenDim, EPS),
      PARAMETERLESS,
    ]).flat()
    this.fc2 = new Linear(hiddenDim, outputDim)
  }

  /** [..., input] -> [..., output] */
  forward(x: Tensor): Tensor {
    return tidy(() => {
      let h: Tensor = relu(this.norm.forward(this.fc1.forward(x)))
      for (const layer of this.inner) h = layer ? layer.forward(h) : relu(h)
      return this.fc2.forward(h)
    })
  }
}

/** LayerNorm, GELU, Linear: numbered 0 and 2 in the checkpoint, since GELU takes the place between. */
type NormGeluLinear = [LayerNorm, typeof PARAMETERLESS, Linear]

export class RadioAdapterV2 extends Module {
  readonly fc1: Linear
  readonly blocks: NormGeluLinear[]
  readonly final: NormGeluLinear

  constructor({ inputDim, hiddenDim, outputDim, numInner }: RadioAdapterConfig) {
    super()
    const stage = (outDim: number): NormGeluLinear => [
      new LayerNorm(hiddenDim, EPS),
      PARAMETERLESS,
      new Linear(hiddenDim, outDim),
    ]
    this.fc1 = new Linear(inputDim, hiddenDim)
    this.blocks = Array.from({ length: numInner }, () => stage(hiddenDim))
    this.final = stage(outputDim)
  }

  /** [..., input] -> [..., output] */
  forward(x: Tensor): Tensor {
    return tidy(() => {
      let h = this.fc1.forward(x)
      for (const block of this.blocks) h = add(h, run(block, h))
      return run(this.final, h)
    })
  }
}

const run = ([norm, , linear]: NormGeluLinear, x: Tensor) => linear.forward(gelu(norm.forward(x)))
