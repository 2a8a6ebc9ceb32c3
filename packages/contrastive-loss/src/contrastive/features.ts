// What a contrastive loss compares. Shapes: B own samples, W workers, D feature width.

import { InvalidArgumentError, type Tensor } from '@ps3js/tensor'

export interface ContrastiveFeatures {
  /** [B, D], each row of length 1. */
  imageFeatures: Tensor
  /** [B, D], each row of length 1; row i belongs to row i of the images. */
  textFeatures: Tensor
  /** Where the batch is spread over several workers: everybody's features. */
  workers?: WorkerFeatures
}

/** Features of all workers by rank, W of [B, D] each; those at `rank` are this worker's own tensors. */
export interface WorkerFeatures {
  rank: number
  imageFeatures: readonly Tensor[]
  textFeatures: readonly Tensor[]
}

/** Throws InvalidArgumentError unless all features are [B, D] of one B >= 1 and one D. */
export function checkFeatures(
  loss: string,
  { imageFeatures, textFeatures, workers }: ContrastiveFeatures,
): void {
  const [batch, width] = imageFeatures.shape
  if (imageFeatures.rank !== 2 || batch === 0 || width === 0) {
    throw new InvalidArgumentError(
      `${loss}: imageFeatures is [${imageFeatures.shape}], expected [B, D] with at least one sample`,
    )
  }
  checkSame(loss, 'textFeatures', textFeatures, imageFeatures)
  if (!workers) return
  const { rank, imageFeatures: images, textFeatures: texts } = workers
  if (images.length !== texts.length || !(rank in images)) {
    throw new InvalidArgumentError(
      `${loss}: images of ${images.length} workers and texts of ${texts.length} at rank ${rank}: give one of each per worker`,
    )
  }
  images.forEach((x, worker) => {
    checkSame(loss, `imageFeatures of worker ${worker}`, x, imageFeatures)
  })
  texts.forEach((x, worker) => {
    checkSame(loss, `textFeatures of worker ${worker}`, x, imageFeatures)
  })
}

function checkSame(loss: string, name: string, x: Tensor, imageFeatures: Tensor): void {
  if (x.rank === 2 && x.shape.every((size, axis) => size === imageFeatures.shape[axis])) return
  throw new InvalidArgumentError(
    `${loss}: ${name} is [${x.shape}], imageFeatures is [${imageFeatures.shape}]: one row per sample in both, of one width`,
  )
}
