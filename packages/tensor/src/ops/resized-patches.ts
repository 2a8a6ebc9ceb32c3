// Pictures, resized and normalised, as patches, straight from their bytes: where the backend has a kernel for it.
// Shapes: B pictures of H x W pixels, resized to R rows and C columns of pixels, p the side of a patch.

import type { Tensor } from '@tensorflow/tfjs-core'
import { concat, tensor1d, tensor2d, tidy } from '../tf.ts'
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
  return tidy(() => {
    const taps = {
      sizes: tensor1d([height, width, patchSize], 'int32'),
      rowPositions: tensor1d(rows.positions, 'int32'),
      columnPositions: tensor1d(columns.positions, 'int32'),
      rowWeights: tensor1d(Float32Array.from(rows.weights)),
      columnWeights: tensor1d(Float32Array.from(columns.weights)),
      affine: tensor1d([...factors, ...shifts]),
    }
    // One by one: a batch would first have to be copied together, 43 MB for each picture of 4K.
    const patches = pictures.map((picture) => {
      const words = wordsOf(picture)
      return fused({ pictures: tensor2d(words, [1, words.length], 'int32'), ...taps }, {})
    })
    return concat(patches, 0)
  })
}

/** Four bytes to an integer, as TensorFlow's addon takes no bytes: the same memory where it can be read so. */
function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array | Uint8ClampedArray): Int32Array {
  if (byteOffset % 4 === 0 && byteLength % 4 === 0) return new Int32Array(buffer, byteOffset, byteLength / 4)
  const words = new Int32Array(Math.ceil(byteLength / 4))
  new Uint8Array(words.buffer).set(new Uint8Array(buffer, byteOffset, byteLength))
  return words
}
