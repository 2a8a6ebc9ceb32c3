// Probabilities off the backend, for the choice, which works on plain arrays.

import { type Tensor, tensorData } from '@ps3js/tensor'
import type { ProbabilityMap } from '../choice/index.ts'

/** [B, h, w] as plain arrays, one per picture. The tensor stays the caller's. */
export async function probabilityMaps(probabilities: Tensor): Promise<ProbabilityMap[]> {
  const [batch, height, width] = probabilities.shape as [number, number, number]
  const data = await tensorData(probabilities)
  const cells = height * width
  return Array.from({ length: batch }, (_, i) => ({
    height,
    width,
    data: data.slice(i * cells, (i + 1) * cells),
  }))
}
