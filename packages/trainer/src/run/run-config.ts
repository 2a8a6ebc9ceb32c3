// The settings that every run has, whatever it trains, and how a configuration file is read and printed. Every unknown key
// is an error, as a setting that is silently ignored is another run.

import { ConfigError } from '@ps3js/tensor'
import { parse, stringify, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { describeIssues } from './config-issues.ts'

export const whole = z.int().nonnegative()
export const positive = z.int().positive()
export const rate = z.number().positive()
export const weight = z.number().nonnegative()
export const share = z.number().min(0).max(1)

export const optimizerFields = {
  betas: z.tuple([share, share]).default([0.9, 0.95]),
  epsilon: rate.default(1e-8),
  weightDecay: weight.default(3e-4),
  /** Largest norm of all gradients together. */
  clipNorm: rate.optional(),
}

const scheduleSchema = z
  .strictObject({
    kind: z.enum(['cosine', 'constant', 'cooldown']).default('cosine'),
    warmupSteps: whole.default(1500),
    /** `cooldown`: the last steps, over which the rate falls linearly to 0. */
    cooldownSteps: positive.optional(),
  })
  .refine(({ kind, cooldownSteps }) => (kind === 'cooldown') === (cooldownSteps !== undefined), {
    message: 'cooldownSteps belongs to kind "cooldown", and that needs it',
  })

const logSchema = z.strictObject({
  /** Steps between records. */
  every: positive.default(10),
  /** Steps between pictures of selection maps; 0 for none. */
  imagesEvery: whole.default(500),
})

export const checkpointFields = {
  /** Steps between checkpoints; the last step always has one. */
  every: positive.default(500),
  /** Newest checkpoints that stay, besides the best. */
  keep: positive.default(3),
}

/** Settings by name that are the same for every kind of run. */
export const runFields = {
  seed: whole.default(0),
  /** Samples per step. */
  batch: positive.default(32),
  /** Parts that a step's batch is computed in, one after the other; the gradient is that of the whole. */
  accumulation: positive.default(1),
  /** Give steps or epochs. */
  steps: positive.optional(),
  /** Passes over the data: `samplesPerEpoch` says how long one is. */
  epochs: positive.optional(),
  samplesPerEpoch: positive.optional(),
  schedule: scheduleSchema.prefault({}),
  /** Parameters that stay as they are, by name; `*` stands for anything: `text_model.*`. */
  freeze: z.array(z.string()).default([]),
  log: logSchema.prefault({}),
}

/** What the loop, the optimiser and the checkpoints go by. */
export interface RunConfig {
  readonly seed: number
  readonly batch: number
  readonly accumulation: number
  readonly steps?: number | undefined
  readonly epochs?: number | undefined
  readonly samplesPerEpoch?: number | undefined
  readonly optimizer: {
    readonly learningRate: number
    readonly betas: readonly [number, number]
    readonly epsilon: number
    readonly clipNorm?: number | undefined
  }
  readonly schedule: {
    readonly kind: 'cosine' | 'constant' | 'cooldown'
    readonly warmupSteps: number
    readonly cooldownSteps?: number | undefined
  }
  readonly log: { readonly every: number; readonly imagesEvery: number }
  readonly evaluation: { readonly every: number }
  readonly checkpoint: { readonly every: number; readonly keep: number; readonly best: string }
}

/** What no schema of a single setting can say. */
export function checkedRun<T extends z.ZodType<RunConfig>>(schema: T): T {
  return schema
    .refine(
      ({ steps, epochs, samplesPerEpoch }) =>
        (steps === undefined) !== (epochs === undefined) &&
        (epochs === undefined) === (samplesPerEpoch === undefined),
      { message: 'give steps, or epochs with samplesPerEpoch' },
    )
    .refine(({ batch, accumulation }) => batch % accumulation === 0, {
      message: 'batch must be divisible by accumulation',
    })
}

/** @throws ConfigError listing everything that is wrong; an unknown key with the nearest known one */
export function parseConfigWith<T extends z.ZodType>(schema: T, config: unknown, where: string): z.output<T> {
  const result = schema.safeParse(config)
  if (result.success) return result.data
  throw new ConfigError(`${where} is not valid:\n${describeIssues(result.error, schema)}`, {
    cause: result.error,
  })
}

/** What a configuration file's text holds: YAML, of which JSON is a part. @throws ConfigError */
export function readYaml(text: string, where: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause
    throw new ConfigError(`${where} is neither YAML nor JSON: ${cause.message.split('\n')[0]}`, { cause })
  }
}

/** A configuration as YAML, defaults included. */
export const printYaml = (config: unknown): string => stringify(config)

/** How many steps the run has. */
export function totalSteps({
  steps,
  epochs,
  samplesPerEpoch,
  batch,
}: Pick<RunConfig, 'steps' | 'epochs' | 'samplesPerEpoch' | 'batch'>): number {
  return steps ?? Math.floor((epochs! * samplesPerEpoch!) / batch)
}
