// Which size the picture and its patch grid have at each scale, for any aspect ratio.
// PS3 (arXiv 2503.19903): the lowest scale is always square, the others keep the picture's aspect.
import { InvalidArgumentError } from '@ps3js/tensor'

/** Height and width, in pixels or in patches. */
export interface GridSize {
  readonly height: number
  readonly width: number
}

/** One scale's size: `image` in pixels, `grid` in patches. */
export interface ScaleSize {
  readonly image: GridSize
  readonly grid: GridSize
}

/**
 * Sizes of every scale for a picture of `imageHeight` x `imageWidth` pixels.
 *
 * Scale 0 is `scales[0]` squared. Above it the zoom is `floor(scales[i] / scales[0])`: the long side becomes
 * `scales[0] * zoom`, the short side the whole number of patches that fits at scale 0 (at least one), times zoom.
 *
 * @throws InvalidArgumentError when a size is not a positive whole number or the first scale is below one patch.
 */
export function gridSizes(
  scales: readonly number[],
  patchSize: number,
  imageHeight: number,
  imageWidth: number,
): ScaleSize[] {
  requireSize('patchSize', patchSize)
  requireSize('imageHeight', imageHeight)
  requireSize('imageWidth', imageWidth)
  scales.forEach((scale, i) => {
    requireSize(`scales[${i}]`, scale)
  })
  const base = scales[0]
  if (base === undefined)
    throw new InvalidArgumentError('scales is empty; give at least the low-resolution scale')
  if (base < patchSize) {
    throw new InvalidArgumentError(
      `the first scale, ${base}, is smaller than one patch of ${patchSize} pixels`,
    )
  }
  const shortPatches = Math.max(
    // Dividing first loses a patch row for some squares (155 gives 377.99...); trained models saw grids made so.
    Math.floor(
      Math.trunc((base / Math.max(imageHeight, imageWidth)) * Math.min(imageHeight, imageWidth)) / patchSize,
    ),
    1,
  )
  return scales.map((scale, i) => {
    if (i === 0) return scaleSize(base, base, patchSize)
    if (scale < base) {
      throw new InvalidArgumentError(
        `scales[${i}] = ${scale} is smaller than scales[0] = ${base}; list scales ascending`,
      )
    }
    const zoom = Math.floor(scale / base)
    const long = base * zoom
    const short = shortPatches * patchSize * zoom
    return imageHeight >= imageWidth ? scaleSize(long, short, patchSize) : scaleSize(short, long, patchSize)
  })
}

function scaleSize(height: number, width: number, patchSize: number): ScaleSize {
  return {
    image: { height, width },
    grid: {
      height: Math.max(Math.floor(height / patchSize), 1),
      width: Math.max(Math.floor(width / patchSize), 1),
    },
  }
}

function requireSize(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(`${name} must be a positive whole number, not ${value}`)
  }
}
