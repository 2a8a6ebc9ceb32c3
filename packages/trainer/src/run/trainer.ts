// A model in training: its parameters, the optimiser's moments, and how many steps it has made. Everything that decides
// the next step besides the data lies in here and can be written down and taken up again.

import {
  CheckpointError,
  InvalidArgumentError,
  type StateSource,
  type Tensor,
  type TensorToWrite,
  tensor,
  tensorData,
} from '@ps3js/tensor'
import { type AdamW, type AdamWState, adamW, applyValues, disposeAdamW } from '../optim/adamw.ts'
import { clipGradients, globalNorm } from '../optim/clip.ts'
import { schedule } from '../optim/schedule.ts'
import { type RunConfig, totalSteps } from './run-config.ts'
import type { StepLosses, StepWork, TrainingTask } from './task.ts'

/** What one step did. */
export interface StepReport {
  /** Steps made so far: 1 after the first. */
  step: number
  /** The run ends after this many. */
  lastStep: number
  losses: StepLosses
  learningRate: number
  /** Length of all gradients as one vector, before clipping. */
  gradientNorm: number
  work: StepWork
}

export class Trainer<Sample, Batch> {
  readonly task: TrainingTask<Sample, Batch>
  readonly #config: RunConfig
  readonly #optimizer: AdamW
  readonly #rateAt: (step: number) => number
  #moments: AdamWState
  #step = 0

  /** The task's model has values and stays the caller's. Throws InvalidArgumentError for a schedule that does not fit. */
  constructor(task: TrainingTask<Sample, Batch>, config: RunConfig) {
    const { optimizer, schedule: shape } = config
    this.task = task
    this.#config = config
    this.#optimizer = adamW(optimizer)
    this.#moments = this.#optimizer.init()
    const { learningRate } = optimizer
    this.#rateAt = schedule({ ...shape, learningRate, totalSteps: totalSteps(config) })
  }

  /** Steps made so far. */
  get step(): number {
    return this.#step
  }

  /**
   * One optimiser step. Throws InvalidArgumentError when the loss is no longer finite; the model is then as it was
   * before the step.
   */
  async train(samples: readonly Sample[]): Promise<StepReport> {
    const { task } = this
    const { losses, gradients, work } = await task.step(task.collate(samples), this.#step + 1)
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
      task.groups,
      clipped.gradients,
      this.#moments,
      learningRate,
    )
    this.#moments = state
    applyValues(task.groups, values)
    task.settle?.()
    this.#step++
    const gradientNorm = await take(clipped.norm)
    return { step: this.#step, lastStep: totalSteps(this.#config), losses, learningRate, gradientNorm, work }
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
      this.task.groups.flatMap((group) => [...group.parameters]).map(([path, { shape }]) => [path, shape]),
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
