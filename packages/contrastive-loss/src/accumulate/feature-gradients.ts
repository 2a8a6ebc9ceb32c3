// A contrastive loss and its gradients by features that are on no tape any more: where workers exchange what they need.

import { add, Tape, type Tensor, TensorScope, zerosLike } from '@ps3js/tensor'
import { type Collective, singleProcess } from '../collective/collective.ts'
import type { ContrastiveFeatures } from '../contrastive/features.ts'

export interface ContrastiveGradientsOptions {
  /** This worker's features, [B, D]. */
  imageFeatures: Tensor
  textFeatures: Tensor
  /** The loss, for example `(features) => sigLipLoss({ ...features, logitScale, logitBias })`; runs under a tape. */
  loss: (features: ContrastiveFeatures) => Tensor
  /** What the loss reads besides the features, by names of the caller's choice. */
  parameters?: Record<string, Tensor>
  /** The workers that hold the rest of the batch; default: there are none. */
  collective?: Collective
}

/** All of it belongs to the caller. */
export interface ContrastiveGradients {
  /** This worker's loss, a scalar. */
  loss: Tensor
  /** Gradients [B, D] of the sum of all workers' losses by this worker's features. */
  imageFeatures: Tensor
  textFeatures: Tensor
  /** Gradients of this worker's own loss, for those parameters that it depends on. */
  parameters: Record<string, Tensor>
}

/**
 * Gathers everybody's features, computes this worker's loss of them, and returns to each worker the gradients that its
 * features got elsewhere. Divided by the number of workers and averaged over them, as data-parallel training does with
 * gradients, they are those of the whole batch.
 */
export async function contrastiveGradients({
  imageFeatures,
  textFeatures,
  loss,
  parameters = {},
  collective = singleProcess,
}: ContrastiveGradientsOptions): Promise<ContrastiveGradients> {
  using scope = new TensorScope()
  const { rank, size } = collective
  const gather = async (own: Tensor) => {
    if (size === 1) return [own]
    const all = scope.track(await collective.allGather(own))
    // Own features stay the caller's tensor, so that a loss may use either and the gradient is one.
    return all.map((x, worker) => (worker === rank ? own : x))
  }
  const images = await gather(imageFeatures)
  const texts = await gather(textFeatures)
  const workers = size === 1 ? undefined : { rank, imageFeatures: images, textFeatures: texts }

  const tape = scope.track(new Tape())
  const value = scope.track(tape.record(() => loss({ imageFeatures, textFeatures, workers })))
  const names = Object.keys(parameters)
  const found = tape.gradients([{ y: value }], [...images, ...texts, ...Object.values(parameters)])
  scope.track(found)
  const give = async (parts: (Tensor | null)[], own: Tensor) => {
    const gradient = await returnToOwners(parts, collective)
    return scope.track(gradient ?? zerosLike(own))
  }
  const byImages = await give(found.slice(0, size), imageFeatures)
  const byTexts = await give(found.slice(size, 2 * size), textFeatures)
  const byParameters = found.slice(2 * size)
  return scope.keep({
    loss: value,
    imageFeatures: byImages,
    textFeatures: byTexts,
    parameters: Object.fromEntries(
      names.flatMap((name, i) => (byParameters[i] ? [[name, byParameters[i]]] : [])),
    ),
  })
}

/**
 * The sum of the parts that all workers have for this one, around the ring: a sum starts at its owner's neighbour, takes
 * in each worker's part and ends at the owner. `parts` are by owner; all workers lack the same ones of others.
 */
async function returnToOwners(
  parts: readonly (Tensor | null)[],
  { rank, size, shift }: Collective,
): Promise<Tensor | null> {
  if (!parts.some((part, owner) => part && owner !== rank)) return parts[rank]?.clone() ?? null
  using scope = new TensorScope()
  const shaped = parts.find(Boolean)!
  const part = (owner: number) => parts[(owner + size) % size] ?? scope.track(zerosLike(shaped))
  let travelling = scope.track(part(rank - 1).clone())
  for (let step = 1; step < size; step++) {
    const arrived = scope.track(await shift(travelling))
    travelling = scope.run(() => add(arrived, part(rank - 1 - step)))
  }
  return scope.keep(travelling)
}
