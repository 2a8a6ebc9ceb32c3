// One picture as a conversation sees it: its low-res pass, kept for as many questions as wanted, and its latest look.
// Shapes: n low-res tokens, m high-res tokens, C width of the encoder, D of the language model.

import {
  choosePatches,
  countPatches,
  type GridSize,
  type PatchSelection,
  type ProbabilityMap,
  unionSelections,
} from '@ps3js/patch-selector'
import { gridSizes, type LowResView, type RgbImage, type ScaleSize, type StageTime } from '@ps3js/ps3-encoder'
import { reshape, slice, type Tensor, TensorScope } from '@ps3js/tensor'
import { type LookPlan, type PictureGeometry, requireDirection } from './look.ts'
import type { PictureTokens, VilaHd } from './vila-hd.ts'

/** A picture to ask about. */
export interface Picture {
  /** At the size that the encoder takes, see `ImageProcessor`. */
  image: RgbImage
  /** How large it was before: boxes and the dynamic aspect ratio go by that. Default: the image's own size. */
  originalSize?: GridSize
}

/** What was looked at closely in one picture. */
export interface PictureLook {
  /** Which picture, counted from 0. */
  picture: number
  /** Sizes of every scale, the low-res one first. */
  sizes: readonly ScaleSize[]
  looks: readonly PatchSelection[]
  /** All looks together. */
  selection: PatchSelection
  /** Where to look by the picture alone, and by the question where it was asked. */
  probabilities: { bottomUp: ProbabilityMap; topDown: ProbabilityMap | null }
  /** What the language model gets of it. */
  tokens: { lowRes: number; highRes: number }
  /** Whether no block of patches was complete, so that the first low-res token stands in. */
  standIn: boolean
}

interface Looked {
  looks: readonly PatchSelection[]
  tokens: Tensor
  standIn: boolean
  /** Tells this look's tokens from those of others. */
  serial: number
}

interface WorkOptions {
  signal?: AbortSignal
  onStage?: (time: StageTime) => void
}

/** Called with what was chosen in a picture, before any of it is encoded. */
export type OnChosen = (picture: number, selection: PatchSelection) => void

export function geometryOf(model: VilaHd, { image, originalSize = image }: Picture): PictureGeometry {
  const grids = sizesOf(model, image)
    .slice(1)
    .map(({ grid }) => grid)
  return { grids, imageSize: originalSize }
}

/** How many low-res tokens the language model gets of a picture. */
export function lowResTokens(model: VilaHd, { image }: Picture): number {
  const { height, width } = model.mm_projector.tokenGrid(sizesOf(model, image)[0]!.grid)
  return height * width
}

function sizesOf({ vision_tower: { config } }: VilaHd, image: RgbImage): ScaleSize[] {
  return gridSizes(config.vision.ps3_scales, config.trunk.patch_size, image.height, image.width)
}

export class SeenPicture {
  readonly image: RgbImage
  readonly #model: VilaHd
  readonly #name: number
  readonly #view: LowResView
  readonly #low: Tensor
  #looked: Looked | null = null
  #looks = 0

  private constructor(model: VilaHd, image: RgbImage, name: number, view: LowResView, low: Tensor) {
    this.#model = model
    this.image = image
    this.#name = name
    this.#view = view
    this.#low = low
  }

  /** The low-res pass. `name` tells this picture's rows from those of others. Dispose what it gives. */
  static async see(model: VilaHd, image: RgbImage, name: number, options: WorkOptions): Promise<SeenPicture> {
    using scope = new TensorScope()
    const layer = model.featureLayer
    const { vision_tower, mm_projector } = model
    const view = scope.track(await vision_tower.lowRes(image, { ...options, hiddenStates: [layer] }))
    const low = scope.run(() => {
      const tokens = mm_projector.lowRes(view.hiddenState(layer), view.sizes[0]!.grid)
      return reshape(tokens, tokens.shape.slice(1))
    })
    scope.keep([view, low])
    return new SeenPicture(model, image, name, view, low)
  }

  /** What the language model gets: the low-res tokens, and those of the latest look where asked for. Not to be disposed. */
  tokens({ high }: { high: boolean }): PictureTokens {
    return { low: this.#low, high: (high && this.#looked?.tokens) || null }
  }

  /** Names of the rows of `tokens`, which differ from those of any other picture and look. */
  rowKeys({ high }: { high: boolean }): string[] {
    const names = (kind: string, tokens: Tensor | undefined) =>
      Array.from({ length: tokens?.shape[0] ?? 0 }, (_, i) => `${this.#name} ${kind} ${i}`)
    const looked = high ? this.#looked : null
    return [...names('low', this.#low), ...names(`look ${looked?.serial}`, looked?.tokens)]
  }

  /**
   * Looks closely; the tokens then are this look's. Patches that the latest look took are not encoded again.
   *
   * @param prompt [1, C], or undefined to go by the picture alone
   */
  async look(
    picture: number,
    prompt: Tensor | undefined,
    plan: LookPlan,
    { onChosen, ...options }: WorkOptions & { onChosen: OnChosen },
  ): Promise<PictureLook> {
    const { sizes } = this.#view
    const { bottomUp, topDown } = await this.#view.probabilities(prompt)
    const probabilities = { bottomUp: bottomUp[0]!, topDown: topDown?.[0] ?? null }
    const deciding = probabilities.topDown ?? probabilities.bottomUp
    requireDirection(deciding.data, 'the vision tower')
    const started = performance.now()
    const chosen = choosePatches({ ...plan, probabilities: deciding })
    options.onStage?.({ stage: 'choice', milliseconds: performance.now() - started })
    const looks = chosen.filter((look) => countPatches(look) > 0)
    const selection = unionSelections(looks, plan.grids)
    onChosen(picture, selection)
    if (!sameLooks(looks, this.#looked?.looks ?? [])) await this.#encode(looks, options)
    const tokens = { lowRes: this.#low.shape[0]!, highRes: this.#looked?.tokens.shape[0] ?? 0 }
    return {
      picture,
      sizes,
      looks,
      selection,
      probabilities,
      tokens,
      standIn: this.#looked?.standIn ?? false,
    }
  }

  dispose(): void {
    this.#view.dispose()
    this.#low.dispose()
    this.#looked?.tokens.dispose()
    this.#looked = null
  }

  async #encode(looks: readonly PatchSelection[], options: WorkOptions): Promise<void> {
    if (looks.length === 0) {
      this.#looked?.tokens.dispose()
      this.#looked = null
      return
    }
    using scope = new TensorScope()
    const { featureLayer: layer, mm_projector } = this.#model
    const selections = looks.map((look) => [look])
    const encoding = scope.track(await this.#view.encode({ ...options, selections, hiddenStates: [layer] }))
    const grids = encoding.sizes.slice(1).map(({ grid }) => grid)
    const features = scope.run(() => {
      const states = slice(encoding.hiddenStates.get(layer)!, [0, encoding.lowResTokenCount, 0], [1, -1, -1])
      return reshape(states, states.shape.slice(1))
    })
    const low = scope.run(() => reshape(this.#low, [1, ...this.#low.shape]))
    const patches = { grids, indices: encoding.selections[0]!.indices }
    const { tokens, standIn } = mm_projector.highRes(features, patches, low)
    this.#looked?.tokens.dispose()
    this.#looked = { looks, tokens, standIn, serial: this.#looks++ }
  }
}

function sameLooks(a: readonly PatchSelection[], b: readonly PatchSelection[]): boolean {
  const same = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    x.length === y.length && Array.from(x).every((value, i) => value === y[i])
  return (
    a.length === b.length &&
    a.every((look, i) => look.indices.every((indices, s) => same(indices, b[i]!.indices[s]!)))
  )
}
