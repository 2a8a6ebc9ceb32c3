// The PS3 encoder: pictures and texts in, features out. Everything public starts here.

import { splitBudget } from '@ps3js/patch-selector'
import {
  CheckpointError,
  constantInitializer,
  InvalidArgumentError,
  Module,
  Parameter,
  runSteps,
  TensorScope,
} from '@ps3js/tensor'
import type { RgbImage } from '../image/index.ts'
import { type TextOutput, TextTransformer } from '../text/text-transformer.ts'
import type { PS3Config } from './config.ts'
import type { EncodeOptions, Encoding, StageTime } from './encoding.ts'
import { type Normalization, PictureBatch } from './picture.ts'
import { LowResView } from './view.ts'
import { VisionModel } from './vision-model.ts'

/** Turns texts into rows of token ids, padded to the model's context length. */
export interface Tokenizer {
  encode(texts: readonly string[]): Int32Array[]
}

export interface EncoderParts {
  config: PS3Config
  normalization: Normalization
  tokenizer?: Tokenizer | null
  /** Why there is no tokenizer; told when a text is to be encoded. */
  tokenizerError?: Error
  /** Also hold the contrastive loss's `logit_scale` and `logit_bias`, as training checkpoints do. */
  contrastive?: boolean
}

export interface LowResOptions {
  /** Block outputs to keep besides the last, by layer index. */
  hiddenStates?: readonly number[]
  signal?: AbortSignal
  onStage?: (time: StageTime) => void
}

export class PS3Encoder extends Module {
  readonly vision_model: VisionModel
  readonly text_model: TextTransformer | null
  readonly logit_scale: Parameter | null
  readonly logit_bias: Parameter | null
  readonly #parts: EncoderParts

  /** Builds the model without values: follow with `initialize(seed)` or `loadStateDict(...)`, or use `loadPretrained`. */
  constructor(parts: EncoderParts) {
    super()
    this.vision_model = new VisionModel(parts.config)
    this.text_model = parts.config.text ? new TextTransformer(parts.config.text) : null
    // Starting values of SigLIP (Zhai et al., arXiv:2303.15343): temperature 10, bias -10.
    this.logit_scale = parts.contrastive ? new Parameter([], constantInitializer(Math.log(10))) : null
    this.logit_bias = parts.contrastive ? new Parameter([], constantInitializer(-10)) : null
    this.#parts = parts
  }

  get config(): PS3Config {
    return this.#parts.config
  }

  get normalization(): Normalization {
    return this.#parts.normalization
  }

  /** Patches per look at each scale above the first. */
  get budget(): number[] {
    const { ps3_scales, max_select_num, max_select_num_each_scale } = this.config.vision
    return [...(max_select_num_each_scale ?? splitBudget(ps3_scales, max_select_num))]
  }

  /** Encodes pictures: the whole at low resolution, then closely where it matters. Dispose the result. */
  async encode(images: RgbImage | readonly RgbImage[], options: EncodeOptions = {}): Promise<Encoding> {
    const view = await this.lowRes(images, options)
    try {
      return await view.encode(options)
    } finally {
      view.dispose()
    }
  }

  /** The low-res pass alone, kept for any number of prompts and looks. Dispose the view. */
  async lowRes(images: RgbImage | readonly RgbImage[], options: LowResOptions = {}): Promise<LowResView> {
    const { vision, trunk } = this.config
    const batch = Array.isArray(images) ? (images as RgbImage[]) : [images as RgbImage]
    const pictures = new PictureBatch(batch, vision.ps3_scales, trunk.patch_size, this.normalization)
    const layers = ascending([...(options.hiddenStates ?? []), trunk.depth - 1])
    this.#checkLayers(layers)
    const { hiddenStates, keysValues, features } = await this.#lowResPass(pictures, layers, options)
    return new LowResView({
      model: this.vision_model,
      pictures,
      lowRes: new Map(layers.map((layer, i) => [layer, hiddenStates[i]!])),
      keysValues,
      features,
      budget: this.budget,
      embedPrompts: async (texts) => {
        const { pooled, prompt } = await this.encodeText(texts)
        pooled.dispose()
        return prompt
      },
      onStage: options.onStage,
    })
  }

  /** The trunk over the whole picture, then what the selection head sees in it. `hiddenStates` are those of `layers`. */
  async #lowResPass(pictures: PictureBatch, layers: readonly number[], { signal, onStage }: LowResOptions) {
    using scope = new TensorScope()
    const { grid } = pictures.sizes[0]!
    const read = this.config.vision.select_based_on_layer
    const computed = ascending([...layers, ...read])
    const started = performance.now()
    const patches = scope.track(pictures.lowResPatches())
    const low = await runSteps(this.vision_model.lowResSteps(patches, grid, computed), signal)
    scope.track([...low.hiddenStates, ...low.keysValues])
    onStage?.({ stage: 'low-res', milliseconds: performance.now() - started })

    const selectionStarted = performance.now()
    const view = pictures.selectionPatches(this.config.vision)
    if (view) scope.track(view)
    const stateOf = (layer: number) => low.hiddenStates[computed.indexOf(layer)]!
    const features = this.vision_model.selector.features({
      hiddenStates: read.map(stateOf),
      grid,
      picturePatches: view,
    })
    scope.track(features)
    onStage?.({ stage: 'selection', milliseconds: performance.now() - selectionStarted })
    return scope.keep({ hiddenStates: layers.map(stateOf), keysValues: low.keysValues, features })
  }

  /** Texts to pooled features and selection prompts. Dispose both. */
  async encodeText(texts: readonly string[]): Promise<TextOutput> {
    if (!this.text_model) {
      throw new InvalidArgumentError(
        'this checkpoint holds no text tower: pass a prompt embedding instead of a text',
      )
    }
    const { tokenizer, tokenizerError } = this.#parts
    if (!tokenizer) {
      throw new CheckpointError(
        `this encoder has no tokenizer${tokenizerError ? `: ${tokenizerError.message}` : ''}; put it where tokenizer_config.json says, or name its place with the tokenizerRef option of loadPretrained`,
        { cause: tokenizerError },
      )
    }
    return this.text_model.forward(tokenizer.encode(texts))
  }

  #checkLayers(layers: readonly number[]): void {
    const { depth } = this.config.trunk
    const wrong = layers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer >= depth)
    if (wrong !== undefined) {
      throw new InvalidArgumentError(
        `hiddenStates names layer ${wrong}, but the trunk has ${depth} (0..${depth - 1})`,
      )
    }
  }
}

const ascending = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b)
