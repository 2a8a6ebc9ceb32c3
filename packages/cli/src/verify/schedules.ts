// Replays recorded learning-rate schedules: pure numbers.

import { type ScheduleOptions, schedule } from '@ps3js/trainer'
import { type CaseReport, caseReport, compare } from './report.ts'
import { type FixtureStore, readJson } from './store.ts'

interface RecordedSchedule {
  lr: number
  warmup: number
  steps: number
  /** Steps at which rates were recorded. */
  at: number[]
  /** Rates by the reference's names of its schedules. */
  cosine?: number[]
  const?: number[]
  'const-cooldown'?: number[]
  /** Steps of the cool-down; where it is not given, the recordings use a fifth of the run. */
  cooldown?: number
}

/** The reference's names of schedules. */
export const SCHEDULES = {
  cosine: 'cosine',
  const: 'constant',
  'const-cooldown': 'cooldown',
} as const satisfies Record<string, ScheduleOptions['kind']>

export async function replaySchedules(store: FixtureStore): Promise<CaseReport[]> {
  const recorded = await readJson<RecordedSchedule[]>(store, 'schedules.json')
  return recorded.map((one, i) => {
    const { lr, warmup, steps, at, cooldown = Math.floor(steps / 5) } = one
    const outputs = Object.entries(SCHEDULES).flatMap(([name, kind]) => {
      const want = one[name as keyof typeof SCHEDULES]
      if (!want) return []
      const rate = schedule({
        kind,
        learningRate: lr,
        warmupSteps: warmup,
        totalSteps: steps,
        cooldownSteps: kind === 'cooldown' ? cooldown : undefined,
      })
      // The same formulas in double precision, in another order of operations.
      return [compare(name, at.map(rate), want, 1e-12 * lr)]
    })
    return caseReport(`schedule ${i}`, outputs)
  })
}
