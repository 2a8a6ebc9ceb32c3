// A shallow convolutional network over the picture at 1512 px: detail that the low-res pass cannot see, for the
// selection only (PS3, section 3.2).

import {
  InvalidArgumentError,
  LayerNorm,
  Module,
  PatchProjection,
  reshape,
  type Tensor,
  tidy,
} from '@ps3js/tensor'
import { ConvNeXtBlock } from './convnext-block.ts'

export interface HighResFeaturesConfig {
  hiddenDim: number
  outDim: number
  depth: number
  /** Side of the stem's patches in pixels. */
  kernelSize: number
}

/** The picture is resized to this square before PS3's stem, whatever the model's scales. */
export const SELECTION_IMAGE_SIZE = 1512

export class HighResFeatures extends Module {
  readonly stem: [PatchProjection, LayerNorm]
  readonly blocks: ConvNeXtBlock[]
  readonly out_proj: PatchProjection

  constructor({ hiddenDim, outDim, depth, kernelSize }: HighResFeaturesConfig) {
    super()
    this.stem = [new PatchProjection(3, hiddenDim, kernelSize), new LayerNorm(hiddenDim, 1e-6)]
    this.blocks = Array.from({ length: depth }, () => new ConvNeXtBlock(hiddenDim))
    this.out_proj = new PatchProjection(hiddenDim, outDim, 1)
  }

  /** Unfolded patches [B, S*S, 3*k*k] of the square picture -> [B, S, S, outDim] */
  forward(patches: Tensor): Tensor {
    const [batch, count] = patches.shape as [number, number]
    const side = Math.sqrt(count)
    if (patches.rank !== 3 || !Number.isInteger(side)) {
      throw new InvalidArgumentError(
        `patches are [${patches.shape.join(', ')}], expected [B, S*S, 3*k*k] of a square picture`,
      )
    }
    return tidy(() => {
      const tokens = this.stem[1].forward(this.stem[0].forward(patches))
      let x = reshape(tokens, [batch, side, side, tokens.shape[2]!])
      for (const block of this.blocks) x = block.forward(x)
      return this.out_proj.forward(x)
    })
  }
}
