// Pictures, resized and normalised, as patches, straight from their bytes: where the backend has a kernel for it.
// Shapes: B pictures of H x W pixels, resized to R rows and C columns of pixels, p the side of a patch.

import type { Tensor } from '@tensorflow/tfjs-core'
import { tensor1d, tensor2d, tidy } from '../tf.ts'
import { fusedKernel } from './kernel.ts'

/** Four source positions and weights for every row or column of the resized picture. */
export interface ResizeTaps {
  readonly positions: Int32Array
  readonly weights: ArrayLike<number>
}

export interface ResizedPatchesOptions {
  /** B times H * W * 3 bytes: RGB, interleaved. */
  pictures: readonly (Uint8Array | Uint8ClampedArray)[]
  height: number
  width: number
  rows: ResizeTaps
  columns: ResizeTaps
  patchSize: number
  /** Per channel: a value v of 0..255 becomes v * factor + shift. */
  factors: readonly number[]
  shifts: readonly number[]
}

/** [B, (R/p) * (C/p), 3*p*p], each patch flattened (channel, row, column); null where the backend has no such kernel. */
export function resizedPatches(options: ResizedPatchesOptions): Tensor | null {
  const fused = fusedKernel('PS3ResizedPatches')
  if (!fused) return null
  const { pictures, height, width, rows, columns, patchSize, factors, shifts } = options
  // TensorFlow's addon takes no bytes: four to an integer.
  const words = Math.ceil((height * width * 3) / 4)
  const packed = new Int32Array(pictures.length * words)
  const bytes = new Uint8Array(packed.buffer)
  pictures.forEach((picture, i) => {
    bytes.set(picture, i * words * 4)
  })
  return tidy(() =>
    fused(
      {
        pictures: tensor2d(packed, [pictures.length, words], 'int32'),
        sizes: tensor1d([height, width, patchSize], 'int32'),
        rowPositions: tensor1d(rows.positions, 'int32'),
        columnPositions: tensor1d(columns.positions, 'int32'),
        rowWeights: tensor1d(Float32Array.from(rows.weights)),
        columnWeights: tensor1d(Float32Array.from(columns.weights)),
        affine: tensor1d([...factors, ...shifts]),
      },
      {},
    ),
  )
}
