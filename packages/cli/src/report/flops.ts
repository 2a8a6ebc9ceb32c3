// How much arithmetic an encoding takes, counted as floating-point operations (a multiply-add is two) of the matrix
// products, convolutions and attention. Norms, activations and resampling are left out: below 1 %.
//
// With C the width, H the MLP's hidden width, L the depth, p the patch side:
//   a token's linear layers   L * 2 * (3 C^2 + C^2 + 2 C H)          qkv, projection, MLP
//   attention                 L * 2 * 2 * queries * keys * C         scores, weighted sum
//   embedding a patch         2 * 3 p^2 * C
// A look's N tokens attend to the n low-res tokens and to each other: keys = n + N.

import type { PS3Config } from '@ps3js/ps3-encoder'

const DEPTHWISE_TAPS = 7 * 7
const CONVNEXT_MLP_RATIO = 4

export interface EncodingCost {
  lowRes: number
  selection: number
  highRes: number
  total: number
  /** All patches of all scales in one pass, with nothing to select. */
  everything: number
}

/** FLOP of an encoding that took `looks[i]` patches in look i, out of `allPatches` at all scales above the first. */
export function encodingCost(
  config: PS3Config,
  { looks, allPatches }: { looks: readonly number[]; allPatches: number },
): EncodingCost {
  const n = lowResTokens(config)
  const lowRes = passFlops(config, n, n)
  const selection = selectionFlops(config)
  const highRes = looks.reduce((sum, count) => sum + passFlops(config, count, n + count), 0)
  return {
    lowRes,
    selection,
    highRes,
    total: lowRes + selection + highRes,
    everything: lowRes + passFlops(config, allPatches, n + allPatches),
  }
}

/** One pass of `tokens` patches through the trunk, each attending to `keys` tokens. */
export function passFlops({ trunk }: PS3Config, tokens: number, keys: number): number {
  const { width, depth, mlp_hidden, patch_size } = trunk
  const linear = 2 * (4 * width ** 2 + 2 * width * mlp_hidden)
  const attention = 4 * keys * width
  const embedding = 2 * 3 * patch_size ** 2 * width
  return tokens * (depth * (linear + attention) + embedding)
}

/** Finding out where to look: only the first high scale's share of the head's output layer is computed. */
export function selectionFlops({ vision, trunk }: PS3Config): number {
  const n = lowResTokens({ vision, trunk, text: null })
  const read = trunk.width * vision.select_based_on_layer.length
  const head = 2 * n * (read ** 2 + read * trunk.width)
  if (!vision.highres_selection_feature) return head
  const hidden = vision.highres_selection_module_hidden_dim
  const out = vision.highres_selection_module_out_dim
  const kernel = vision.highres_selection_module_kernel_size
  const cells = Math.floor(vision.highres_selection_image_size / kernel) ** 2
  const stem = 2 * 3 * kernel ** 2 * hidden
  const block = 2 * (DEPTHWISE_TAPS * hidden + 2 * CONVNEXT_MLP_RATIO * hidden ** 2)
  return head + cells * (stem + vision.highres_selection_module_depth * block + 2 * hidden * out)
}

function lowResTokens({ vision, trunk }: PS3Config): number {
  return Math.floor(vision.ps3_scales[0]! / trunk.patch_size) ** 2
}
