// How much arithmetic a training step takes: floating-point operations (a multiply-add is two) of the matrix products and
// attention. With C the width, H the MLP's hidden width, L the depth, p the patch side, a token takes
//   L * (2 * (4 C^2 + 2 C H) + 4 * keys * C) + 6 p^2 C
// The backward pass takes twice the forward pass.

import type { PS3Config } from '@ps3js/ps3-encoder'

export interface StepWork {
  images: number
  /** Patches looked at closely, per picture. */
  highResTokens: number
  /** Forward passes for one backward pass: more when blocks or whole parts are computed again. */
  forwardPasses: number
}

/** Tokens of the whole picture at the lowest scale. */
export const lowResTokens = ({ vision, trunk }: PS3Config): number =>
  Math.floor(vision.ps3_scales[0]! / trunk.patch_size) ** 2

export function stepFlops(config: PS3Config, { images, highResTokens, forwardPasses }: StepWork): number {
  const { vision, trunk, text } = config
  const { width, depth, mlp_hidden, patch_size } = trunk
  const n = lowResTokens(config)
  const trunkPass = (tokens: number, keys: number) =>
    tokens *
    (depth * (2 * (4 * width ** 2 + 2 * width * mlp_hidden) + 4 * keys * width) + 6 * patch_size ** 2 * width)
  const read = width * vision.select_based_on_layer.length
  const selection = 2 * n * (read ** 2 + read * width)
  const texts = text
    ? text.context_length *
      text.layers *
      (2 * (4 + 2 * text.mlp_ratio) * text.width ** 2 + 4 * text.context_length * text.width)
    : 0
  const forward = trunkPass(n, n) + trunkPass(highResTokens, n + highResTokens) + selection + texts
  return images * forward * (forwardPasses + 2)
}
