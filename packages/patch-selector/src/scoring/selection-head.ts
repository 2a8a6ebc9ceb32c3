// Where to look: one probability per low-res patch, from the encoder's hidden states and a prompt
// (PS3, section 3.2). Shapes: B batch, n prompts, h x w low-res grid, C encoder width, K feature layers.

import {
  adaptiveMaxPool,
  add,
  clipByValue,
  concat,
  InvalidArgumentError,
  Linear,
  l2Normalize,
  linear,
  Mlp,
  Module,
  matMul,
  mul,
  normalInitializer,
  Parameter,
  reshape,
  sigmoid,
  slice,
  type Tensor,
  tidy,
  tile,
} from '@ps3js/tensor'
import { HighResFeatures, type HighResFeaturesConfig } from './high-res-features.ts'

export interface SelectionHeadConfig {
  /** C: width of the hidden states and of the prompt. */
  width: number
  /** K: how many layers' hidden states are read. */
  numFeatureLayers: number
  /** Scales above the low-res one. All share the first one's map; the others' weights exist in checkpoints only. */
  numHighResScales: number
  /** Also look at the picture itself through a shallow convolutional network. */
  highRes?: HighResFeaturesConfig
}

export interface SelectionInput {
  /** K tensors [B, h*w, C]. */
  hiddenStates: Tensor[]
  grid: { height: number; width: number }
  /** Patches of the square picture, unfolded: [B, S*S, 3*k*k]; PS3's is `SELECTION_IMAGE_SIZE` wide. Needed with `highRes`. */
  picturePatches?: Tensor
}

/** What is computed once per picture and serves every prompt. Dispose both tensors when done. */
export interface SelectionFeatures {
  grid: { height: number; width: number }
  /** Unit vectors [B, h*w, C]. */
  lowRes: Tensor
  /** Unit vectors [B, S*S, D], or null without `highRes`. */
  highRes: Tensor | null
}

/** Logits are five times a cosine, so they lie in [-5, 5]; the reference's clamp to [-10, 10] is kept. */
const LOGIT_SCALE = 5
const LOGIT_LIMIT = 10

export class SelectionHead extends Module {
  readonly selection_feature_proj: Mlp
  readonly prior_prompt: Parameter
  readonly highres_selection_feature_module: HighResFeatures | null
  readonly prompt_proj_for_highres: Linear | null
  readonly #config: SelectionHeadConfig

  constructor(config: SelectionHeadConfig) {
    super()
    const { width, numFeatureLayers, numHighResScales, highRes } = config
    const inFeatures = width * numFeatureLayers
    this.#config = config
    this.selection_feature_proj = new Mlp({
      inFeatures,
      hiddenFeatures: inFeatures,
      outFeatures: width * numHighResScales,
      normEps: 1e-5,
    })
    this.prior_prompt = new Parameter([width], normalInitializer(1))
    this.highres_selection_feature_module = highRes ? new HighResFeatures(highRes) : null
    this.prompt_proj_for_highres = highRes ? new Linear(width, highRes.outDim * numHighResScales) : null
  }

  /** The prompt-independent part. */
  features({ hiddenStates, grid, picturePatches }: SelectionInput): SelectionFeatures {
    const { numFeatureLayers, width } = this.#config
    if (hiddenStates.length !== numFeatureLayers) {
      throw new InvalidArgumentError(
        `the selection head reads ${numFeatureLayers} layers, got ${hiddenStates.length} hidden states`,
      )
    }
    const batch = hiddenStates[0]!.shape[0]!
    const expected = [batch, grid.height * grid.width, width]
    for (const [layer, { shape }] of hiddenStates.entries()) {
      if (shape.length === 3 && shape.every((size, axis) => size === expected[axis])) continue
      throw new InvalidArgumentError(
        `hidden states ${layer} are [${shape.join(', ')}], expected [${expected.join(', ')}] for a grid of ${grid.height}x${grid.width}`,
      )
    }
    const module = this.highres_selection_feature_module
    if (module && !picturePatches) {
      throw new InvalidArgumentError('this selection head looks at the picture too: pass picturePatches')
    }
    if (module && picturePatches && picturePatches.shape[0] !== batch) {
      throw new InvalidArgumentError(
        `hidden states of ${batch} pictures, but picturePatches of ${picturePatches.shape[0]}`,
      )
    }
    // One tidy for both: the second may throw.
    const [lowRes, highRes] = tidy(() => {
      const hidden = this.selection_feature_proj.hidden(concat(hiddenStates, 2))
      const { weight, bias } = this.selection_feature_proj.fc2
      const low = l2Normalize(linear(hidden, rows(weight.value, width), rows(bias!.value, width)))
      if (!module || !picturePatches) return [low]
      const map = module.forward(picturePatches)
      return [low, l2Normalize(reshape(map, [batch, -1, map.shape[3]!]))]
    }) as [Tensor, Tensor?]
    return { grid, lowRes, highRes: highRes ?? null }
  }

  /**
   * The probability of every low-res cell to deserve a closer look, top-down by `prompt` [B, C], or bottom-up by the
   * learned prior when there is none. -> [B, h, w] in (0, 1). Several prompts of each picture, [B, n, C] -> [B, n, h, w],
   * cost little more than one.
   */
  probabilities(features: SelectionFeatures, prompt?: Tensor): Tensor {
    const { grid } = features
    const batch = features.lowRes.shape[0]!
    const { width } = this.#config
    if (prompt && !isPrompt(prompt, batch, width)) {
      throw new InvalidArgumentError(
        `a prompt of [${prompt.shape.join(', ')}] does not fit: expected [${batch}, ${width}], or [${batch}, n, ${width}]`,
      )
    }
    return tidy(() => {
      const query = prompt
        ? reshape(prompt, [batch, -1, width])
        : tile(reshape(this.prior_prompt.value, [1, 1, -1]), [batch, 1, 1])
      const maps = batch * query.shape[1]!
      let cosine = reshape(cosines(features.lowRes, query), [maps, grid.height, grid.width])
      if (features.highRes && this.prompt_proj_for_highres) {
        const { weight, bias } = this.prompt_proj_for_highres
        const outDim = this.#config.highRes!.outDim
        const fine = cosines(
          features.highRes,
          linear(query, rows(weight.value, outDim), rows(bias!.value, outDim)),
        )
        const side = Math.sqrt(fine.shape[2]!)
        cosine = mul(
          add(cosine, adaptiveMaxPool(reshape(fine, [maps, side, side]), grid.height, grid.width)),
          0.5,
        )
      }
      const probabilities = sigmoid(clipByValue(mul(cosine, LOGIT_SCALE), -LOGIT_LIMIT, LOGIT_LIMIT))
      return prompt?.rank === 3 ? reshape(probabilities, [batch, -1, grid.height, grid.width]) : probabilities
    })
  }
}

/** The first `count` rows: the first high-res scale's share of a projection, the only one with any effect. */
const rows = (x: Tensor, count: number) => slice(x, 0, count)

const isPrompt = ({ rank, shape }: Tensor, batch: number, width: number) =>
  (rank === 2 || rank === 3) && shape[0] === batch && shape[rank - 1] === width

/** Unit vectors [B, N, C] against prompts [B, n, C] -> [B, n, N] */
function cosines(features: Tensor, prompts: Tensor): Tensor {
  return matMul(l2Normalize(prompts), features, false, true)
}
