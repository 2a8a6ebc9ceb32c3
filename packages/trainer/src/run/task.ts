// What a run is about, as the loop sees it: pre-training is one task, fine-tuning another. Optimiser, schedule, logs,
// checkpoints and resuming are the same for all.

import type { RgbImage } from '@ps3js/ps3-encoder'
import type { Tensor } from '@ps3js/tensor'
import type { ParameterGroup } from '../optim/groups.ts'

/** Losses by name, each before its weight; `total` is what the gradients are of. */
export type StepLosses = { readonly total: number } & Readonly<Record<string, number>>

/** What one step got through. */
export interface StepWork {
  images: number
  /** Tokens that went through the models. */
  tokens: number
  /** Floating-point operations, where the task counts them. */
  flops?: number
}

export interface TaskStep {
  losses: StepLosses
  /** By property path; a parameter that the losses do not depend on has none. They become the caller's. */
  gradients: Map<string, Tensor>
  work: StepWork
}

export interface TrainingTask<Sample, Batch> {
  /** What trains, how fast, and what decays. */
  readonly groups: readonly ParameterGroup[]
  collate(samples: readonly Sample[]): Batch
  /**
   * Losses and gradients of a batch; changes nothing. What is drawn at random depends on the step's number alone, so that
   * a run that was taken up draws the same.
   *
   * @param step 1 for the first
   */
  step(batch: Batch, step: number): Promise<TaskStep>
  /** After the parameters have moved. */
  settle?(): void
  /** Pictures of a batch for the log, by name. */
  pictures?(batch: Batch): Promise<Record<string, RgbImage>>
  /** Figures by name, larger is better for the one that `checkpoint.best` names; without it nothing is evaluated. */
  evaluate?: (signal: AbortSignal | undefined) => Promise<Record<string, number>>
}
