// A batch of equally large pictures as a source of patches: bytes stay bytes, and only what is asked for becomes floats.

import { countPatches, type PatchSelection } from '@ps3js/patch-selector'
import { InvalidArgumentError, resizedPatches, type Tensor, tensor3d } from '@ps3js/tensor'
import { cubicTaps } from '../image/cubic-taps.ts'
import { checkRgbImage, gridSizes, type RgbImage, type ScaleSize, samplePatches } from '../image/index.ts'
import type { VisionConfig } from './config.ts'

export interface Normalization {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

export class PictureBatch {
  readonly images: readonly RgbImage[]
  /** One entry per scale, the low-res one first. */
  readonly sizes: readonly ScaleSize[]
  readonly #patchSize: number
  readonly #normalization: Normalization

  constructor(
    images: readonly RgbImage[],
    scales: readonly number[],
    patchSize: number,
    normalization: Normalization,
  ) {
    const first = images[0]
    if (!first) throw new InvalidArgumentError('a batch needs at least one picture')
    for (const image of images) checkRgbImage(image)
    const odd = images.find((image) => image.width !== first.width || image.height !== first.height)
    if (odd) {
      throw new InvalidArgumentError(
        `pictures of one batch must be equally large, got ${first.width}x${first.height} and ${odd.width}x${odd.height}: process them to one size, or encode them one by one`,
      )
    }
    this.images = images
    this.sizes = gridSizes(scales, patchSize, first.height, first.width)
    this.#patchSize = patchSize
    this.#normalization = normalization
  }

  /** [B, n, 3*p*p] */
  lowResPatches(): Tensor {
    const { image } = this.sizes[0]!
    return this.#everyPatch(image.height, image.width, this.#patchSize)
  }

  /** The square view that the selection head looks at through its stem: [B, S*S, 3*k*k], or none. */
  selectionPatches(vision: VisionConfig): Tensor | undefined {
    if (!vision.highres_selection_feature) return undefined
    const size = vision.highres_selection_image_size
    return this.#everyPatch(size, size, vision.highres_selection_module_kernel_size)
  }

  /** Chosen patches of the scales above the first, in (scale, row, column) order: [B, N, 3*p*p] */
  highResPatches(positions: readonly PatchSelection[]): Tensor {
    const length = 3 * this.#patchSize ** 2
    const count = countPatches(positions[0]!)
    const values = new Float32Array(this.images.length * count * length)
    let offset = 0
    this.images.forEach((image, sample) => {
      positions[sample]!.indices.forEach((indices, i) => {
        if (indices.length === 0) return
        const size = this.sizes[i + 1]!.image
        const out = values.subarray(offset, offset + indices.length * length)
        this.#sample(image, size.height, size.width, this.#patchSize, indices, out)
        offset += out.length
      })
    })
    return tensor3d(values, [this.images.length, count, length])
  }

  #everyPatch(height: number, width: number, patchSize: number): Tensor {
    const fused = this.#everyPatchFused(height, width, patchSize)
    if (fused) return fused
    const count = (height / patchSize) * (width / patchSize)
    const length = 3 * patchSize ** 2
    const values = new Float32Array(this.images.length * count * length)
    this.images.forEach((image, sample) => {
      const out = values.subarray(sample * count * length, (sample + 1) * count * length)
      this.#sample(image, height, width, patchSize, null, out)
    })
    return tensor3d(values, [this.images.length, count, length])
  }

  /** On the backend, where it can; pictures that need no resizing are quicker copied through a table. */
  #everyPatchFused(height: number, width: number, patchSize: number): Tensor | null {
    const first = this.images[0]!
    if (first.height === height && first.width === width) return null
    const { mean, std } = this.#normalization
    return resizedPatches({
      pictures: this.images.map(({ data }) => data),
      height: first.height,
      width: first.width,
      rows: cubicTaps(first.height, height),
      columns: cubicTaps(first.width, width),
      patchSize,
      factors: std.map((s) => 1 / (255 * s)),
      shifts: mean.map((m, channel) => -m / std[channel]!),
    })
  }

  #sample(
    image: RgbImage,
    height: number,
    width: number,
    patch: number,
    ids: Int32Array | null,
    out: Float32Array,
  ) {
    const { mean, std } = this.#normalization
    samplePatches(image, height, width, patch, ids, mean, std, out)
  }
}
