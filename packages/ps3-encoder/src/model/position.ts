// Position embeddings of chosen patches only: the full table at 4K (72,900 x 1152) is never made.

import { gatherRows, matMul, resampleWeights, reshape, type Tensor, tensor2d, tidy } from '@ps3js/tensor'

export interface Grid {
  readonly height: number
  readonly width: number
}

/** Row-major ids of every patch of a grid. */
export function allPatches({ height, width }: Grid): Int32Array {
  return Int32Array.from({ length: height * width }, (_, i) => i)
}

/**
 * Embeddings of patches `indices` on `grid`, as if the square table [1, n*n, C] had been resampled to the grid's longer
 * side (antialiased bicubic) and cropped. -> [indices.length, C]
 */
export function resampledPositions(table: Tensor, grid: Grid, indices: Int32Array): Tensor {
  const side = Math.sqrt(table.shape[1]!)
  const rows = reshape(table, [side * side, -1])
  const target = Math.max(grid.height, grid.width)
  if (target === side && grid.height === grid.width) return gatherRows(rows, indices)
  const weights = resampleWeights(side, target, 'bicubic-antialias')
  const mix = new Float32Array(indices.length * side * side)
  indices.forEach((index, i) => {
    const vertical = Math.floor(index / grid.width) * side
    const horizontal = (index % grid.width) * side
    for (let y = 0; y < side; y++) {
      const weight = weights[vertical + y]!
      if (weight === 0) continue
      for (let x = 0; x < side; x++) mix[(i * side + y) * side + x] = weight * weights[horizontal + x]!
    }
  })
  return tidy(() => matMul(tensor2d(mix, [indices.length, side * side]), rows))
}

/** Embeddings of patches `indices` on `grid`, cropped from the top left of the square table. -> [indices.length, C] */
export function croppedPositions(table: Tensor, grid: Grid, indices: Int32Array): Tensor {
  const side = Math.sqrt(table.shape[1]!)
  const positions = indices.map((index) => Math.floor(index / grid.width) * side + (index % grid.width))
  return tidy(() => gatherRows(reshape(table, [side * side, -1]), positions))
}
