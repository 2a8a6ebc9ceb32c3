// A model in training: its parameters, the optimiser's moments, and how many steps it has made. Everything that decides
// the next step besides the data lies in here and can be written down and taken up again.

import {
  backendInfo,
  CheckpointError,
  ConfigError,
  InvalidArgumentError,
  type StateSource,
  supportsBf16,
  type Tensor,
  type TensorToWrite,
  tensor,
  tensorData,
} from '@ps3js/tensor'
import type { EvaluatedModel } from '../evaluate/evaluate.ts'
import { type AdamW, type AdamWState, adamW, applyValues, disposeAdamW } from '../optim/adamw.ts'
import { clipGradients, globalNorm } from '../optim/clip.ts'
import { type ParameterGroup, parameterGroups } from '../optim/groups.ts'
import { clampLogitScale } from '../optim/logit-scale.ts'
import { schedule } from '../optim/schedule.ts'
import type { PretrainBatch } from '../pretrain/batch.ts'
import { checkpointedBlocks, plainBlocks } from '../pretrain/blocks.ts'
import { type PretrainLosses, type PretrainOptions, pretrainStep } from '../pretrain/step.ts'
import { type TrainConfig, totalSteps } from './config.ts'

/** What one step did. */
export interface StepReport {
  /** Steps made so far: 1 after the first. */
  step: number
  /** The run ends after this many. */
  lastStep: number
  losses: PretrainLosses
  learningRate: number
  /** Length of all gradients as one vector, before clipping. */
  gradientNorm: number
  images: number
  /** Patches looked at closely, per picture. */
  highResTokens: number
}

export class Trainer {
  readonly model: EvaluatedModel
  readonly #config: TrainConfig
  readonly #optimizer: AdamW
  readonly #groups: ParameterGroup[]
  readonly #rateAt: (step: number) => number
  readonly #options: PretrainOptions
  #moments: AdamWState
  #step = 0

  /**
   * The model has values and stays the caller's. Throws InvalidArgumentError for settings that do not fit it, ConfigError
   * for a precision that the backend lacks.
   */
  constructor(model: EvaluatedModel, config: TrainConfig) {
    checkPrecision(config)
    const { optimizer, schedule: shape, freeze, selection, loss } = config
    const { learningRate, selectionLearningRate = learningRate, weightDecay } = optimizer
    this.model = model
    this.#config = config
    this.#optimizer = adamW(optimizer)
    this.#moments = this.#optimizer.init()
    this.#groups = parameterGroups(model.encoder, {
      weightDecay,
      selectionRateFactor: selectionLearningRate / learningRate,
      freeze,
    })
    this.#rateAt = schedule({ ...shape, learningRate, totalSteps: totalSteps(config) })
    const { dice, intraImageNegatives: _, ...lossWeights } = loss
    this.#options = {
      ...selection,
      lossWeights,
      dice,
      precision: config.precision,
      microBatch: config.batch / config.accumulation,
      blocks: config.checkpointedBlocks ? checkpointedBlocks : plainBlocks,
      parameters: new Map(this.#groups.flatMap((group) => [...group.parameters])),
    }
  }

  /** Steps made so far. */
  get step(): number {
    return this.#step
  }

  /**
   * One optimiser step. Throws InvalidArgumentError when the loss is no longer finite; the model is then as it was
   * before the step.
   */
  async train(batch: PretrainBatch): Promise<StepReport> {
    const { encoder } = this.model
    const contrasted = this.#config.loss.intraImageNegatives ? { ...batch, pictures: undefined } : batch
    const { losses, gradients, selections } = await pretrainStep(encoder, contrasted, this.#options)
    if (!Number.isFinite(losses.total)) {
      for (const gradient of gradients.values()) gradient.dispose()
      throw new InvalidArgumentError(
        `training diverged: the loss of step ${this.#step + 1} is ${losses.total}; lower optimizer.learningRate, warm up longer or set optimizer.clipNorm, and resume from an earlier checkpoint`,
      )
    }
    const { clipNorm } = this.#config.optimizer
    const clipped =
      clipNorm === undefined ? { gradients, norm: globalNorm(gradients) } : clipGradients(gradients, clipNorm)
    const learningRate = this.#rateAt(this.#step)
    const { state, values } = this.#optimizer.update(
      this.#groups,
      clipped.gradients,
      this.#moments,
      learningRate,
    )
    this.#moments = state
    applyValues(this.#groups, values)
    clampLogitScale(encoder)
    this.#step++
    return {
      step: this.#step,
      lastStep: totalSteps(this.#config),
      losses,
      learningRate,
      gradientNorm: await take(clipped.norm),
      images: batch.images.length,
      highResTokens: selections[0]!.indices.reduce((sum, indices) => sum + indices.length, 0),
    }
  }

  /** The optimiser's moments by name, to be written beside the model: `mean.PATH`, `meanSquare.PATH`, `step.PATH`. */
  *momentTensors(): Generator<[string, TensorToWrite]> {
    for (const [path, { step, mean, meanSquare }] of this.#moments) {
      yield [`mean.${path}`, toWrite(mean)]
      yield [`meanSquare.${path}`, toWrite(meanSquare)]
      yield [`step.${path}`, { dtype: 'F32', shape: [], data: Float32Array.of(step) }]
    }
  }

  /** Takes up a run after `step` steps: the model already has its values of then. Throws CheckpointError. */
  async restore(step: number, moments: StateSource): Promise<void> {
    const shapes = new Map(
      this.#groups.flatMap((group) => [...group.parameters]).map(([path, { shape }]) => [path, shape]),
    )
    const restored: AdamWState = new Map()
    try {
      for (const name of moments.names()) {
        if (!name.startsWith('mean.')) continue
        const path = name.slice('mean.'.length)
        const shape = shapes.get(path)
        if (!shape || `${moments.shape(name)}` !== `${shape}`) {
          throw new CheckpointError(
            `the optimiser's state holds ${path} as [${moments.shape(name)}], the run trains ${shape ? `[${shape}]` : 'no such parameter'}: it belongs to another configuration`,
          )
        }
        const read = async (kind: string) => tensor(await moments.read(`${kind}.${path}`), [...shape])
        const [steps] = await moments.read(`step.${path}`)
        const entry = { step: steps!, mean: await read('mean'), meanSquare: await read('meanSquare') }
        ;(restored as Map<string, typeof entry>).set(path, entry)
      }
    } catch (error) {
      disposeAdamW(restored)
      throw error
    }
    disposeAdamW(this.#moments)
    this.#moments = restored
    this.#step = step
  }

  /** Frees the moments. The model is the caller's. */
  dispose(): void {
    disposeAdamW(this.#moments)
    this.#moments = this.#optimizer.init()
  }
}

/** @throws ConfigError when the current backend does not multiply in the configured precision */
export function checkPrecision({ precision }: Pick<TrainConfig, 'precision'>): void {
  if (precision === 'float32' || supportsBf16()) return
  throw new ConfigError(
    `precision bf16 needs native TensorFlow, and this is the backend ${backendInfo()?.name}: choose the backend node or node-gpu, or precision float32`,
  )
}

const toWrite = (value: Tensor): TensorToWrite => ({
  dtype: 'F32',
  shape: value.shape,
  data: async () => (await value.data()) as Float32Array,
})

async function take(value: Tensor): Promise<number> {
  try {
    return (await tensorData(value))[0]!
  } finally {
    value.dispose()
  }
}
