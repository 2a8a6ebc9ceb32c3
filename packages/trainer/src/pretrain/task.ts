// Pre-training as the loop's task.

import type { RgbImage } from '@ps3js/ps3-encoder'
import { backendInfo, ConfigError, supportsBf16 } from '@ps3js/tensor'
import { type EvaluatedModel, type EvaluationSample, evaluate } from '../evaluate/evaluate.ts'
import { evaluationScalars } from '../evaluate/summary.ts'
import { selectionPicture } from '../log/selection-picture.ts'
import { lowResTokens, stepFlops } from '../log/step-flops.ts'
import { type ParameterGroup, parameterGroups } from '../optim/groups.ts'
import { clampLogitScale } from '../optim/logit-scale.ts'
import { type CaptionedPicture, collate } from '../run/collate.ts'
import type { TrainConfig } from '../run/config.ts'
import type { TaskStep, TrainingTask } from '../run/task.ts'
import type { PretrainBatch } from './batch.ts'
import { checkpointedBlocks, plainBlocks } from './blocks.ts'
import { type PretrainOptions, pretrainStep } from './step.ts'

export class PretrainTask implements TrainingTask<CaptionedPicture, PretrainBatch> {
  readonly model: EvaluatedModel
  readonly groups: ParameterGroup[]
  readonly evaluate?: (signal: AbortSignal | undefined) => Promise<Record<string, number>>
  readonly #config: TrainConfig
  readonly #options: PretrainOptions

  /**
   * The model has values and stays the caller's. Throws InvalidArgumentError for settings that do not fit it, ConfigError
   * for a precision that the backend lacks.
   *
   * @param evaluationSamples the samples to evaluate on, from their start; without it nothing is evaluated
   */
  constructor(
    model: EvaluatedModel,
    config: TrainConfig,
    evaluationSamples?: () => AsyncIterable<EvaluationSample>,
  ) {
    checkPrecision(config)
    const { optimizer, freeze, selection, loss } = config
    const { learningRate, selectionLearningRate = learningRate, weightDecay } = optimizer
    this.model = model
    this.#config = config
    this.groups = parameterGroups(model.encoder, {
      weightDecay,
      selectionRateFactor: selectionLearningRate / learningRate,
      freeze,
    })
    const { dice, intraImageNegatives: _, ...lossWeights } = loss
    this.#options = {
      ...selection,
      lossWeights,
      dice,
      precision: config.precision,
      microBatch: config.batch / config.accumulation,
      blocks: config.checkpointedBlocks ? checkpointedBlocks : plainBlocks,
      parameters: new Map(this.groups.flatMap((group) => [...group.parameters])),
    }
    if (evaluationSamples) this.evaluate = (signal) => this.#evaluate(evaluationSamples(), signal)
  }

  collate(samples: readonly CaptionedPicture[]): PretrainBatch {
    return collate(samples, this.model.tokenizer)
  }

  async step(batch: PretrainBatch): Promise<TaskStep> {
    const { encoder } = this.model
    const { loss, accumulation, checkpointedBlocks: recomputed } = this.#config
    const contrasted = loss.intraImageNegatives ? { ...batch, pictures: undefined } : batch
    const { losses, gradients, selections } = await pretrainStep(encoder, contrasted, this.#options)
    const { config } = encoder
    const images = batch.images.length
    const highResTokens = selections[0]!.indices.reduce((sum, indices) => sum + indices.length, 0)
    const forwardPasses = 1 + Number(accumulation > 1) + Number(recomputed)
    const tokens = images * (lowResTokens(config) + highResTokens + (config.text?.context_length ?? 0))
    const flops = stepFlops(config, { images, highResTokens, forwardPasses })
    return { losses: { ...losses }, gradients, work: { images, tokens, flops } }
  }

  settle(): void {
    clampLogitScale(this.model.encoder)
  }

  async pictures(batch: PretrainBatch): Promise<Record<string, RgbImage>> {
    return { selection: await selectionPicture(this.model.encoder, batch) }
  }

  async #evaluate(
    samples: AsyncIterable<EvaluationSample>,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, number>> {
    const { selection, evaluation, batch, accumulation, seed } = this.#config
    const { budgets } = evaluation
    const options = { ...selection, budgets, batch: batch / accumulation, seed, signal }
    return evaluationScalars(await evaluate(this.model, samples, options))
  }
}

/** @throws ConfigError when the current backend does not multiply in the configured precision */
export function checkPrecision({ precision }: Pick<TrainConfig, 'precision'>): void {
  if (precision === 'float32' || supportsBf16()) return
  throw new ConfigError(
    `precision bf16 needs native TensorFlow, and this is the backend ${backendInfo()?.name}: choose the backend node or node-gpu, or precision float32`,
  )
}
