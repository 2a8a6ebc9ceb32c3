// Which part of a picture a sample shows: torchvision's RandomResizedCrop, choice for choice.
// Source: torchvision.transforms.RandomResizedCrop (0.29), as NVlabs/PS3 trains with it.

import type { Draws } from './draws.ts'

/** In pixels of the picture; whole numbers. */
export interface Crop {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

export interface CropRange {
  /** Share of the picture's area. */
  readonly scale: readonly [number, number]
  /** Width divided by height. */
  readonly ratio: readonly [number, number]
}

/** The reference's. */
export const PS3_CROP: CropRange = { scale: [0.9, 1], ratio: [3 / 4, 4 / 3] }

const TRIES = 10

/**
 * Draws a crop. Where ten of them do not fit, it is the largest central one with an allowed ratio: always so for
 * pictures as wide as 16:9 with the reference's range.
 */
export function drawCrop(width: number, height: number, range: CropRange, draws: Draws): Crop {
  const [lowest, highest] = range.ratio
  // Logarithms and their inverse in float32, as there: the rounding decides about the last pixel.
  const low = Math.fround(Math.log(Math.fround(lowest)))
  const high = Math.fround(Math.log(Math.fround(highest)))
  for (let i = 0; i < TRIES; i++) {
    const area = width * height * draws.uniform(range.scale[0], range.scale[1])
    const ratio = Math.fround(Math.exp(Math.fround(draws.uniform(low, high))))
    const w = roundHalfEven(Math.sqrt(area * ratio))
    const h = roundHalfEven(Math.sqrt(area / ratio))
    if (w < 1 || h < 1 || w > width || h > height) continue
    const top = draws.integer(0, height - h)
    const left = draws.integer(0, width - w)
    return { top, left, height: h, width: w }
  }
  const ratio = width / height
  const w = ratio > highest ? roundHalfEven(height * highest) : width
  const h = ratio < lowest ? roundHalfEven(width / lowest) : height
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w }
}

/** Python's round. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}
