// Several captions of one picture in a batch: what does not depend on the caption is computed once, and every further
// caption costs little more than its text. Shapes: N samples, P pictures, n captions a picture, C width, h x w cells.

import type { ProbabilityMap, SelectionFeatures, SelectionHead } from '@ps3js/patch-selector'
import type { RgbImage } from '@ps3js/ps3-encoder'
import { gatherRows, reshape, type Tensor, tidy } from '@ps3js/tensor'

export class SharedPictures {
  /** Each picture once. */
  readonly images: readonly RgbImage[]
  /** Which samples show each picture. */
  readonly samplesOf: readonly (readonly number[])[]
  readonly #pictureOf: readonly number[]

  /** One picture per sample: those that are one object are one picture. */
  constructor(images: readonly RgbImage[]) {
    this.images = [...new Set(images)]
    const numbers = new Map(this.images.map((image, picture) => [image, picture]))
    this.#pictureOf = images.map((image) => numbers.get(image)!)
    this.samplesOf = this.images.map((image) => images.flatMap((other, i) => (other === image ? [i] : [])))
  }

  get isAlone(): boolean {
    return this.images.length === this.#pictureOf.length
  }

  /** One entry per picture -> one per sample. */
  perSample<T>(perPicture: readonly T[]): T[] {
    return this.#pictureOf.map((picture) => perPicture[picture]!)
  }

  /** Rows of pictures [P, ...] -> rows of samples [N, ...]; x itself when every sample has its own picture. */
  rowsPerSample(x: Tensor): Tensor {
    return this.isAlone ? x : gatherRows(x, this.#pictureOf)
  }

  /** Where each sample's prompt looks: prompts [N, C] -> [N, h, w] */
  topDown(selector: SelectionHead, features: SelectionFeatures, prompts: Tensor): Tensor {
    if (this.isAlone) return selector.probabilities(features, prompts)
    const slots = Math.max(...this.samplesOf.map(({ length }) => length))
    // Pictures with fewer captions repeat their first one; those maps are left out again.
    const order = this.samplesOf.flatMap((samples) =>
      Array.from({ length: slots }, (_, slot) => samples[slot] ?? samples[0]!),
    )
    const place = this.#pictureOf.map(
      (picture, sample) => picture * slots + this.samplesOf[picture]!.indexOf(sample),
    )
    return tidy(() => {
      const grouped = reshape(gatherRows(prompts, order), [this.images.length, slots, -1])
      const maps = selector.probabilities(features, grouped)
      const [, , height, width] = maps.shape as [number, number, number, number]
      return gatherRows(reshape(maps, [-1, height, width]), place)
    })
  }

  /** Per picture the largest value of its samples' maps, which are of one size. */
  largest(maps: readonly ProbabilityMap[]): ProbabilityMap[] {
    return this.samplesOf.map(([first, ...others]) => {
      const map = maps[first!]!
      if (others.length === 0) return map
      const data = Float32Array.from(map.data)
      for (const sample of others) {
        const other = maps[sample]!.data
        for (let i = 0; i < data.length; i++) data[i] = Math.max(data[i]!, other[i]!)
      }
      return { ...map, data }
    })
  }
}
