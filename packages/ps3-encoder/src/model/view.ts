// One low-res pass of a batch of pictures, kept for as many prompts and looks as wanted
// (PS3, arXiv:2503.19903, sections 3.2 and 3.3).

import {
  adjustProbabilities,
  chooseBatchPatches,
  countPatches,
  type PatchSelection,
  type ProbabilityMap,
  type ProbabilityMaps,
  probabilityMaps,
  type SelectionFeatures,
} from '@ps3js/patch-selector'
import { dispose, InvalidArgumentError, runSteps, type Tensor, TensorScope, tidy } from '@ps3js/tensor'
import type { ScaleSize } from '../image/index.ts'
import {
  type EncodeOptions,
  Encoding,
  type Look,
  type LookOptions,
  type Probabilities,
  type Prompt,
  type StageTime,
} from './encoding.ts'
import type { PictureBatch } from './picture.ts'
import { mixRows, poolingMask, type RegionMap, regionWeights } from './pooling.ts'
import type { VisionModel } from './vision-model.ts'

export interface ViewParts {
  model: VisionModel
  pictures: PictureBatch
  /** Low-res block outputs by layer; the last layer is always there. */
  lowRes: ReadonlyMap<number, Tensor>
  keysValues: readonly Tensor[]
  features: SelectionFeatures
  /** Patches per look at each scale above the first. */
  budget: readonly number[]
  /** Prompt embeddings [B, C] for texts. */
  embedPrompts: (texts: readonly string[]) => Promise<Tensor>
  onStage?: (time: StageTime) => void
}

export interface PoolOptions {
  /** Pool only tokens inside these regions, one per picture (all tokens where a region holds none). */
  regions?: readonly RegionMap[]
  /** Pictures whose text describes the whole: they take the pooled low-res feature. */
  isGlobalText?: readonly boolean[]
}

interface ChosenLooks {
  probabilities: Probabilities
  looks: PatchSelection[][]
  selectionProbabilities: ProbabilityMaps[] | null
}

export class LowResView {
  readonly #parts: ViewParts
  #disposed = false

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  /** The last block's output for the low-res tokens: [B, n, C]. It belongs to the view. */
  get tokens(): Tensor {
    return this.hiddenState(this.#lastLayer)
  }

  /** A kept block's output for the low-res tokens: [B, n, C]. It belongs to the view. */
  hiddenState(layer: number): Tensor {
    const state = this.#alive().lowRes.get(layer)
    if (state) return state
    throw new InvalidArgumentError(
      `layer ${layer} was not kept: name it in the hiddenStates option of lowRes() (kept: ${[...this.#parts.lowRes.keys()]})`,
    )
  }

  /** Every block's keys and values for the low-res tokens, [B, n, 2C] (keys | values). They belong to the view. */
  get keysValues(): readonly Tensor[] {
    return this.#alive().keysValues
  }

  /** Sizes of every scale for these pictures, the low-res one first. */
  get sizes(): readonly ScaleSize[] {
    return this.#parts.pictures.sizes
  }

  get batchSize(): number {
    return this.#parts.pictures.images.length
  }

  /** Per low-res patch how much it deserves a closer look, without and with a prompt. */
  async probabilities(prompt?: Prompt): Promise<Probabilities> {
    const { model, features } = this.#alive()
    const bottomUp = await taken(model.selector.probabilities(features))
    if (prompt === undefined) return { bottomUp, topDown: null }
    const embedded = await this.#embed(prompt)
    try {
      const topDown = await taken(model.selector.probabilities(features, embedded.tensor))
      return { bottomUp, topDown }
    } finally {
      embedded.release()
    }
  }

  /** Looks closely, again and again: each look takes patches that none before it took. */
  async *looks(
    options: LookOptions & { hiddenStates?: readonly number[] } = {},
  ): AsyncGenerator<Look, void, undefined> {
    const { looks } = await this.#choose(options)
    for (const [index, selections] of looks.entries()) yield await this.#look(index, selections, options)
  }

  /** All looks at once, merged with the low-res tokens. */
  async encode(options: EncodeOptions = {}): Promise<Encoding> {
    const choice = await this.#choose(options)
    const looks: Look[] = []
    try {
      for (const [index, selections] of choice.looks.entries()) {
        looks.push(await this.#look(index, selections, options))
      }
      return new Encoding({
        sizes: this.#parts.pictures.sizes,
        lowRes: new Map(this.#layers(options.hiddenStates).map((layer) => [layer, this.hiddenState(layer)])),
        looks,
        lastLayer: this.#lastLayer,
        probabilities: choice.probabilities,
        selectionProbabilities: choice.selectionProbabilities,
      })
    } finally {
      for (const look of looks) dispose([look.tokens, ...look.hiddenStates.values()])
    }
  }

  /** One feature per picture from the tokens of a look, as contrastive pre-training compares with texts: [B, P]. */
  pool(look: Look, { regions, isGlobalText }: PoolOptions = {}): Tensor {
    const { model, pictures } = this.#alive()
    return tidy(() => {
      const mask = regions
        ? poolingMask(look.selections.map((s, i) => regionWeights(regions[i]!, s, pictures.sizes)))
        : undefined
      const high = model.trunk.pool(look.tokens, mask)
      if (!isGlobalText?.some(Boolean)) return high
      return mixRows(isGlobalText, this.poolLowRes(), high)
    })
  }

  /** The pooled low-res feature of each picture: [B, P]. */
  poolLowRes(): Tensor {
    return this.#alive().model.trunk.pool(this.tokens)
  }

  /** Frees the hidden states, keys and values. Results that were handed out stay. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    const { lowRes, keysValues, features } = this.#parts
    dispose([...lowRes.values(), ...keysValues, features.lowRes])
    features.highRes?.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  get #lastLayer(): number {
    return this.#parts.model.depth - 1
  }

  #alive(): ViewParts {
    if (this.#disposed)
      throw new InvalidArgumentError('this view was disposed: call encoder.lowRes(image) for a new one')
    return this.#parts
  }

  #layers(extra: readonly number[] = []): number[] {
    return [...new Set([...extra, this.#lastLayer])].sort((a, b) => a - b)
  }

  #highResGrids() {
    return this.#parts.pictures.sizes.slice(1).map((size) => size.grid)
  }

  async #embed(prompt: Prompt): Promise<{ tensor: Tensor; release: () => void }> {
    if (typeof prompt === 'string' || Array.isArray(prompt)) {
      const texts =
        typeof prompt === 'string' ? this.#parts.pictures.images.map(() => prompt) : (prompt as string[])
      if (texts.length !== this.batchSize) {
        throw new InvalidArgumentError(
          `${texts.length} prompts for ${this.batchSize} pictures: give one, or one each`,
        )
      }
      const tensor = await this.#parts.embedPrompts(texts)
      return { tensor, release: () => tensor.dispose() }
    }
    return { tensor: prompt as Tensor, release: () => {} }
  }

  /** Patches per look, per picture, and what they were chosen by. */
  async #choose(options: LookOptions): Promise<ChosenLooks> {
    const probabilities = await this.probabilities(options.prompt)
    if (options.selections) {
      return {
        probabilities,
        looks: options.selections.map((look) => [...look]),
        selectionProbabilities: null,
      }
    }
    const started = performance.now()
    const { perSample, prompt: _p, selections: _s, signal: _a, looks, tokens, budget, ...common } = options
    const grids = this.#highResGrids()
    const samples = (probabilities.topDown ?? probabilities.bottomUp).map((map, i) => ({
      ...common,
      ...perSample?.[i],
      probabilities: map,
      imageSize: this.#parts.pictures.images[i]!,
    }))
    const chosen = chooseBatchPatches({ grids, budget: budget ?? this.#parts.budget, looks, tokens }, samples)
    this.#report('choice', started)
    const count = Math.max(...chosen.map((sample) => sample.length))
    return {
      probabilities,
      looks: Array.from({ length: count }, (_, look) => chosen.map((sample) => sample[look]!)),
      selectionProbabilities: samples.map((sample) => adjustProbabilities({ ...sample, grids })),
    }
  }

  async #look(index: number, selections: PatchSelection[], options: EncodeOptions): Promise<Look> {
    const { model, pictures, keysValues } = this.#alive()
    const started = performance.now()
    const totals = selections.map(countPatches)
    if (totals.some((total) => total !== totals[0])) {
      throw new InvalidArgumentError(
        `pictures of one batch must take equally many patches, got ${totals}: encode them one by one, or give a token count`,
      )
    }
    const layers = this.#layers(options.hiddenStates)
    using scope = new TensorScope()
    const tokens = scope.run(() =>
      model.embedHighRes(pictures.highResPatches(selections), selections, this.#highResGrids()),
    )
    const outputs = scope.track(
      await runSteps(model.highResSteps(tokens, keysValues, layers), options.signal),
    )
    const states = new Map(layers.map((layer, i) => [layer, outputs[i]!]))
    const last = states.get(this.#lastLayer)!
    states.delete(this.#lastLayer)
    this.#report('high-res', started)
    scope.keep(outputs)
    return { index, selections, tokens: last, hiddenStates: states }
  }

  #report(stage: StageTime['stage'], started: number): void {
    this.#parts.onStage?.({ stage, milliseconds: performance.now() - started })
  }
}

async function taken(probabilities: Tensor): Promise<ProbabilityMap[]> {
  try {
    return await probabilityMaps(probabilities)
  } finally {
    probabilities.dispose()
  }
}
