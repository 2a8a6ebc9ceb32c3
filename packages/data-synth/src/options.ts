// What may be asked for: kinds, sizes, datasets.
import { InvalidArgumentError } from '@ps3js/tensor'
import type { Split } from './types.ts'

export const PICTURE_KINDS = ['scenes', 'documents', 'shapes', 'marks'] as const

export type PictureKind = (typeof PICTURE_KINDS)[number]

const SMALLEST = 512
const LARGEST = 8192

/** @throws InvalidArgumentError when a picture of this kind cannot have this size */
export function checkSize(kind: PictureKind, width: number, height: number): void {
  const [low, high] = [kind === 'shapes' ? 64 : SMALLEST, LARGEST]
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < low || side > high)
      throw new InvalidArgumentError(
        `size ${width}x${height}: the sides of ${kind} must be whole numbers from ${low} to ${high} pixels`,
      )
  }
  if ((kind === 'shapes' || kind === 'marks') && width !== height)
    throw new InvalidArgumentError(`size ${width}x${height}: ${kind} are square; give the same number twice`)
}

export interface SynthesizeOptions {
  kind: PictureKind
  /** How many pictures. */
  count: number
  width: number
  height: number
  /** An integer in [0, 2^32): the same seed, size, kind and split give the same files. */
  seed: number
  split?: Split
  /** How many questions about each picture its record holds; a picture may have fewer. Default 0. */
  questions?: number
  /** A new directory, or one in which the same dataset was begun. */
  directory: string
  /** Threads that draw; 0 draws in this one. Default: as many as the machine runs at once. */
  workers?: number
  signal?: AbortSignal
  /** After each picture, those of earlier runs included. */
  onProgress?: (progress: { pictures: number; total: number }) => void
}
