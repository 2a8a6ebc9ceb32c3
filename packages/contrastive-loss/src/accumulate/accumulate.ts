// Contrastive training on batches that do not fit in memory: features of all micro-batches first, then the loss of all of
// them, then each micro-batch again with the gradients of its features (GradCache, arXiv:2101.06983).

import {
  concat,
  InvalidArgumentError,
  scalar,
  split,
  Tape,
  type Tensor,
  type TensorContainer,
  TensorScope,
  tidy,
} from '@ps3js/tensor'
import { type Collective, singleProcess } from '../collective/collective.ts'
import type { ContrastiveFeatures } from '../contrastive/features.ts'
import { type ExtraLoss, wholeExtraLosses } from './extra-losses.ts'
import { contrastiveGradients } from './feature-gradients.ts'
import { GradientSums, meanOverWorkers } from './workers.ts'

/** Runs one synchronous part of a forward pass; what it returns belongs to the caller. */
export type Recorder = <T extends TensorContainer>(body: () => T) => T

export interface EncodedMicroBatch {
  /** [b, D] */
  imageFeatures: Tensor
  /** [b, D] */
  textFeatures: Tensor
  /** By name; the same names in every micro-batch. */
  extraLosses?: Record<string, ExtraLoss>
}

export interface AccumulateOptions<MicroBatch> {
  /** The batch in parts of any sizes. */
  microBatches: readonly MicroBatch[]
  /**
   * Forward pass of one part. What gradients go through runs inside `record`, which may be called several times with
   * awaits between. Called twice for every part but the last: it must give the same both times (draw nothing at random).
   */
  encode: (microBatch: MicroBatch, record: Recorder) => EncodedMicroBatch | Promise<EncodedMicroBatch>
  /** Of all parts' features together, for example `(f) => sigLipLoss({ ...f, logitScale, logitBias })`. */
  loss: (features: ContrastiveFeatures) => Tensor
  /** What to differentiate by: whatever `encode` and `loss` read, by names of the caller's choice. */
  parameters: Record<string, Tensor>
  /** The workers that hold the rest of the batch; default: there are none. All have as many samples. */
  collective?: Collective
  signal?: AbortSignal
}

/** All of it belongs to the caller. On several workers, everybody gets the same. */
export interface AccumulatedGradients {
  /** Scalars of the whole batch: the contrastive loss, and each extra loss averaged over all samples it is for. */
  contrastiveLoss: Tensor
  extraLosses: Record<string, Tensor>
  /** Of the sum of these losses, for those parameters that it depends on. */
  gradients: Record<string, Tensor>
}

/**
 * The losses of one whole batch and their gradients, holding the activations of one micro-batch at a time: the same as
 * from the batch in one piece, for one more forward pass of all parts but the last.
 */
export async function accumulateGradients<MicroBatch>({
  microBatches,
  encode,
  loss,
  parameters,
  collective = singleProcess,
  signal,
}: AccumulateOptions<MicroBatch>): Promise<AccumulatedGradients> {
  if (microBatches.length === 0) {
    throw new InvalidArgumentError('accumulateGradients: no micro-batches, expected at least one')
  }
  using scope = new TensorScope()
  const last = microBatches.length - 1
  // The last part's tape is kept: its backward pass needs no second forward pass.
  const lastTape = scope.track(new Tape())
  const encoded: EncodedMicroBatch[] = []
  for (const [i, microBatch] of microBatches.entries()) {
    signal?.throwIfAborted()
    const record: Recorder = i === last ? (body) => lastTape.record(body) : tidy
    encoded.push(scope.track(await encode(microBatch, record)))
  }
  const extraLosses = encoded.map((part) => part.extraLosses)
  const extras = await wholeExtraLosses(extraLosses, collective, scope)

  const whole = scope.run(() => ({
    imageFeatures: concat(
      encoded.map((part) => part.imageFeatures),
      0,
    ),
    textFeatures: concat(
      encoded.map((part) => part.textFeatures),
      0,
    ),
  }))
  const contrastive = scope.track(await contrastiveGradients({ ...whole, loss, parameters, collective }))
  const sizes = encoded.map((part) => part.imageFeatures.shape[0]!)
  const byFeatures = scope.run(() => ({
    image: split(contrastive.imageFeatures, sizes, 0),
    text: split(contrastive.textFeatures, sizes, 0),
  }))

  const sums = scope.track(new GradientSums(parameters, contrastive.parameters))
  scope.keep(contrastive.parameters)
  let reached = false
  for (let i = last; i >= 0; i--) {
    signal?.throwIfAborted()
    using part = new TensorScope()
    const tape = i === last ? lastTape : part.track(new Tape())
    const again =
      i === last ? encoded[i]! : part.track(await encode(microBatches[i]!, (body) => tape.record(body)))
    const outputs = [
      { y: again.imageFeatures, dy: byFeatures.image[i]! },
      { y: again.textFeatures, dy: byFeatures.text[i]! },
    ]
    for (const [name, { mean, count }] of Object.entries(again.extraLosses ?? {})) {
      // Averaged over workers below, like everything else: hence times their number.
      const share = (count * collective.size) / extras.counts[name]!
      outputs.push({ y: mean, dy: part.track(scalar(share)) })
    }
    reached = sums.take(tape.gradients(outputs, Object.values(parameters))) || reached
  }
  if (!reached) {
    throw new InvalidArgumentError(
      'accumulateGradients: no feature depends on any parameter: compute them inside the record that encode is given',
    )
  }
  return scope.keep({
    contrastiveLoss: scope.track(await meanOverWorkers(contrastive.loss, collective)),
    extraLosses: extras.means,
    gradients: scope.track(await sums.meanOverWorkers(collective)),
  })
}
