// Learning rates over a run: linear warm-up, then cosine, constant, or constant with a linear fall at the end
// (open_clip's schedulers, which PS3 was trained with).

import { InvalidArgumentError } from '@ps3js/tensor'

export interface ScheduleOptions {
  kind: 'cosine' | 'constant' | 'cooldown'
  /** The highest rate, reached at the end of the warm-up. */
  learningRate: number
  warmupSteps: number
  totalSteps: number
  /** `cooldown`: the last steps, over which the rate falls linearly towards 0. */
  cooldownSteps?: number
}

/** The learning rate of a step, which counts from 0. Throws InvalidArgumentError for lengths that do not fit. */
export function schedule(options: ScheduleOptions): (step: number) => number {
  const { kind, learningRate, warmupSteps, totalSteps, cooldownSteps } = options
  if (kind === 'cooldown' && !(cooldownSteps && cooldownSteps + warmupSteps <= totalSteps)) {
    const room = totalSteps - warmupSteps
    const advice =
      room > 0 ? `give cooldownSteps between 1 and ${room}` : 'give fewer warmupSteps, or more steps'
    throw new InvalidArgumentError(
      `a cool-down of ${cooldownSteps} steps after ${warmupSteps} of warm-up does not fit a run of ${totalSteps}: ${advice}`,
    )
  }
  const after: Record<ScheduleOptions['kind'], (step: number) => number> = {
    cosine: (step) => 0.5 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / (totalSteps - warmupSteps))),
    constant: () => 1,
    cooldown: (step) => Math.min(1, (totalSteps - step) / cooldownSteps!),
  }
  return (step) => learningRate * (step < warmupSteps ? (step + 1) / warmupSteps : after[kind](step))
}
