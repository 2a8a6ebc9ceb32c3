// PS3's supervision of where to look by the caption's box (arXiv:2503.19903, section 3.2).

import {
  addN,
  div,
  InvalidArgumentError,
  interpolate,
  mul,
  sum,
  type Tensor,
  tensor1d,
  tidy,
} from '@ps3js/tensor'
import { binaryCrossEntropy, type MapLoss } from './map-losses.ts'

export interface BoxSupervisionOptions {
  /** [B, h, w] in 0..1: one map for all scales, repeated to their grids (nearest); or one at each scale's own grid. */
  probabilities: Tensor | readonly Tensor[]
  /** Per scale, [B, height, width] in 0..1: from `regionTargets`. */
  targets: readonly Tensor[]
  /** Which samples have a caption of a region: the others, with captions of the whole picture, are left out. */
  isLocal: readonly boolean[]
  /** Default: `binaryCrossEntropy`. */
  mapLoss?: MapLoss
}

/**
 * A map loss averaged over scales and over the samples with local captions: a scalar. Zero, with zero gradients, when
 * there are none. Throws InvalidArgumentError for shapes that do not fit.
 */
export function boxSupervisionLoss({
  probabilities,
  targets,
  isLocal,
  mapLoss = binaryCrossEntropy,
}: BoxSupervisionOptions): Tensor {
  const perScale = Array.isArray(probabilities) ? (probabilities as Tensor[]) : null
  if (targets.length === 0)
    throw new InvalidArgumentError('boxSupervisionLoss: no targets, expected one per scale')
  if (perScale && perScale.length !== targets.length) {
    throw new InvalidArgumentError(
      `boxSupervisionLoss: probabilities for ${perScale.length} scales, targets for ${targets.length}: give one of each per scale`,
    )
  }
  const batch = isLocal.length
  const maps = perScale ?? targets.map(() => probabilities as Tensor)
  maps.forEach((map, i) => {
    checkMap(`probabilities of scale ${i + 1}`, map, batch)
    checkMap(`targets of scale ${i + 1}`, targets[i]!, batch)
    if (perScale) checkSameGrid(map, targets[i]!, i + 1)
  })
  const taking = isLocal.filter(Boolean).length
  return tidy(() => {
    const shares = tensor1d(isLocal.map((local) => (local ? 1 / taking : 0)))
    const losses = maps.map((map, i) => {
      const [, height, width] = targets[i]!.shape as [number, number, number]
      const onGrid = perScale ? map : interpolate(map, height, width, 'nearest')
      return sum(mul(mapLoss(onGrid, targets[i]!), shares))
    })
    return div(addN(losses), losses.length)
  })
}

function checkMap(name: string, x: Tensor, batch: number): void {
  if (x.rank === 3 && x.shape[0] === batch && batch > 0 && x.size > 0) return
  throw new InvalidArgumentError(
    `boxSupervisionLoss: ${name} is [${x.shape}], isLocal is for ${batch} samples: expected [B, h, w] with one map per sample`,
  )
}

function checkSameGrid(map: Tensor, target: Tensor, scale: number): void {
  if (map.shape.join() === target.shape.join()) return
  throw new InvalidArgumentError(
    `boxSupervisionLoss: at scale ${scale} probabilities are [${map.shape}], targets [${target.shape}]: make targets on the same grid`,
  )
}
