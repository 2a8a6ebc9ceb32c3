// Losses that each micro-batch has for itself, put together to what the whole batch would give.

import { addN, InvalidArgumentError, mul, type Tensor, type TensorScope } from '@ps3js/tensor'
import type { Collective } from '../collective/collective.ts'
import { sumOverWorkers } from './workers.ts'

/** A loss that needs no other micro-batch: the mean over some of the samples, such as those with local captions. */
export interface ExtraLoss {
  /** Scalar; times its weight, if it has one. */
  mean: Tensor
  /** How many samples it is the mean of; 0 when none takes part. */
  count: number
}

export interface WholeExtraLosses {
  /** Averages over all samples that take part, in all micro-batches and on all workers. */
  means: Record<string, Tensor>
  /** How many these are, at least 1. */
  counts: Record<string, number>
}

/** Tracks the means in `scope`. Throws InvalidArgumentError when parts differ in their losses' names. */
export async function wholeExtraLosses(
  parts: readonly (Record<string, ExtraLoss> | undefined)[],
  collective: Collective,
  scope: TensorScope,
): Promise<WholeExtraLosses> {
  const names = Object.keys(parts[0] ?? {}).sort()
  for (const [i, part] of parts.entries()) {
    const others = Object.keys(part ?? {}).sort()
    if (others.join() !== names.join()) {
      throw new InvalidArgumentError(
        `extra losses of micro-batch ${i} are [${others}], of micro-batch 0 [${names}]: give the same in all, with count 0 where none takes part`,
      )
    }
    for (const name of names) checkExtraLoss(name, i, part![name]!)
  }
  const own = names.map((name) => parts.reduce((sum, part) => sum + part![name]!.count, 0))
  const counts = (await sumOverWorkers(own, collective)).map((count) => Math.max(count, 1))
  const means: Record<string, Tensor> = {}
  for (const [i, name] of names.entries()) {
    const share = scope.run(() =>
      addN(parts.map((part) => mul(part![name]!.mean, part![name]!.count / counts[i]!))),
    )
    means[name] = scope.track(await collective.allReduce(share))
  }
  return { means, counts: Object.fromEntries(names.map((name, i) => [name, counts[i]!])) }
}

function checkExtraLoss(name: string, microBatch: number, { mean, count }: ExtraLoss): void {
  const where = `extra loss "${name}" of micro-batch ${microBatch}`
  if (mean.rank !== 0) throw new InvalidArgumentError(`${where} is [${mean.shape}], expected a scalar`)
  if (!(Number.isInteger(count) && count >= 0)) {
    throw new InvalidArgumentError(
      `${where} is the mean of ${count} samples, expected an integer of at least 0`,
    )
  }
}
