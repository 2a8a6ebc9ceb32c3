// What to ask of an encoder, and what comes back. Tensors in results belong to the caller: call `dispose()`.
// Shapes: B batch, n low-res tokens, N high-res tokens, C width.

import {
  type ChoiceOptions,
  mergeLooks,
  type PatchSelection,
  type ProbabilityMap,
  type ProbabilityMaps,
  type SampleChoiceOptions,
  unionSelections,
} from '@ps3js/patch-selector'
import { concat, dispose, reshape, scatterRows, type Tensor, tidy, transpose } from '@ps3js/tensor'
import type { ScaleSize } from '../image/index.ts'
import { takeTokens } from './vision-model.ts'

/** One prompt for every picture of the batch, one per picture, or embeddings [B, C] from `encodeText` or elsewhere. */
export type Prompt = string | readonly string[] | Tensor

/** Which patches, and how many, by everything that `patch-selector` can choose by; common to all pictures of the batch. */
export interface LookOptions extends ChoiceOptions {
  /** Look where this is. Without a prompt the learned prior decides (bottom-up). */
  prompt?: Prompt
  /** What differs from picture to picture, one entry each; it wins over the common choices. */
  perSample?: readonly SampleChoiceOptions[]
  /** Take exactly these patches: per look, per picture. The other choices are then not consulted. */
  selections?: readonly (readonly PatchSelection[])[]
  signal?: AbortSignal
}

export interface EncodeOptions extends LookOptions {
  /** Block outputs to return besides the last, by layer index. */
  hiddenStates?: readonly number[]
  onStage?: (stage: StageTime) => void
}

/** `low-res` and `selection` once per picture, `choice` and `high-res` once per look. */
export interface StageTime {
  stage: 'low-res' | 'selection' | 'choice' | 'high-res'
  milliseconds: number
}

/** Where to look, per picture of the batch: maps on the low-res grid. */
export interface Probabilities {
  bottomUp: ProbabilityMap[]
  /** null without a prompt. */
  topDown: ProbabilityMap[] | null
}

/** The tokens of one look. */
export interface Look {
  /** 0 for the first. */
  index: number
  /** Per picture, the patches that this look took. */
  selections: PatchSelection[]
  /** Output of the last block for these patches in (scale, row, column) order: [B, N, C]. Yours to dispose. */
  tokens: Tensor
  /** Outputs of the other layers asked for, by layer index: [B, N, C]. Yours to dispose. */
  hiddenStates: ReadonlyMap<number, Tensor>
}

export interface EncodingParts {
  sizes: readonly ScaleSize[]
  lowRes: ReadonlyMap<number, Tensor>
  looks: readonly Look[]
  lastLayer: number
  probabilities: Probabilities
  /** Per picture what the choice went by, after forcing and smoothing; null when it was not consulted. */
  selectionProbabilities: readonly ProbabilityMaps[] | null
}

/** The result of encoding a batch: low-res tokens followed by the tokens of all looks in (scale, row, column) order. */
export class Encoding {
  /** Output of the last block, before the final norm: [B, n + N, C]. */
  readonly tokens: Tensor
  /** By layer index: [B, n + N, C]; holds the last layer too. */
  readonly hiddenStates: ReadonlyMap<number, Tensor>
  readonly lowResTokenCount: number
  /** Sizes of every scale for these pictures, the low-res one first. */
  readonly sizes: readonly ScaleSize[]
  /** Per picture, the patches of all looks together. */
  readonly selections: readonly PatchSelection[]
  /** Per look, per picture. */
  readonly looks: readonly (readonly PatchSelection[])[]
  readonly probabilities: Probabilities
  /** Per picture what the choice went by, after forcing and smoothing; null when it was not consulted. */
  readonly selectionProbabilities: readonly ProbabilityMaps[] | null

  constructor({ sizes, lowRes, looks, lastLayer, probabilities, selectionProbabilities }: EncodingParts) {
    const grids = sizes.slice(1).map((size) => size.grid)
    const perSample = probabilities.bottomUp.map((_, sample) => looks.map((look) => look.selections[sample]!))
    const rows = perSample.map((selections) => mergeLooks(selections).order)
    const states = new Map<number, Tensor>()
    for (const [layer, low] of lowRes) {
      const parts = looks.map((look) => (layer === lastLayer ? look.tokens : look.hiddenStates.get(layer)!))
      states.set(
        layer,
        tidy(() => {
          if (parts.length === 0) return low.clone()
          const high = parts.length === 1 ? parts[0]! : takeTokens(concat(parts, 1), rows)
          return concat([low, high], 1)
        }),
      )
    }
    this.hiddenStates = states
    this.tokens = states.get(lastLayer)!
    this.lowResTokenCount = sizes[0]!.grid.height * sizes[0]!.grid.width
    this.sizes = sizes
    this.selections = perSample.map((selections) => unionSelections(selections, grids))
    this.looks = looks.map((look) => look.selections)
    this.probabilities = probabilities
    this.selectionProbabilities = selectionProbabilities
  }

  /**
   * Tokens laid out as dense maps, one per scale: [B, C, h, w], zero where nothing was selected. A full-size 4K map of
   * a 1152-wide model takes 336 MB. Yours to dispose.
   */
  featureMaps(): Tensor[] {
    const [batch, count, width] = this.tokens.shape as [number, number, number]
    return this.sizes.map(({ grid }, scale) => {
      const cells = grid.height * grid.width
      return tidy(() => {
        const tokenRows: number[] = []
        const targets: number[] = []
        for (let sample = 0; sample < batch; sample++) {
          const { start, ids } = this.#tokensOf(sample, scale)
          ids.forEach((id, i) => {
            tokenRows.push(sample * count + start + i)
            targets.push(sample * cells + id)
          })
        }
        const flat = reshape(this.tokens, [batch * count, width])
        const dense = scatterRows(flat, tokenRows, targets, batch * cells)
        return transpose(reshape(dense, [batch, grid.height, grid.width, width]), [0, 3, 1, 2])
      })
    })
  }

  dispose(): void {
    dispose([...this.hiddenStates.values()])
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #tokensOf(sample: number, scale: number): { start: number; ids: Int32Array } {
    if (scale === 0) return { start: 0, ids: Int32Array.from({ length: this.lowResTokenCount }, (_, i) => i) }
    const { indices } = this.selections[sample]!
    const before = indices.slice(0, scale - 1).reduce((sum, ids) => sum + ids.length, 0)
    return { start: this.lowResTokenCount + before, ids: indices[scale - 1]! }
  }
}
