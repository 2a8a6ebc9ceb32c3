// The one configuration of a run, as YAML or JSON spells it. Defaults are the recipe of PS3 (arXiv:2503.19903, and the
// released training scripts); every unknown key is an error, as a setting that is silently ignored is another run.

import { ConfigError } from '@ps3js/tensor'
import { parse, stringify, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { describeIssues } from './config-issues.ts'

const whole = z.int().nonnegative()
const positive = z.int().positive()
const rate = z.number().positive()
const weight = z.number().nonnegative()
const share = z.number().min(0).max(1)

const modelSchema = z
  .strictObject({
    /** One of `presetNames`. */
    preset: z.string().optional(),
    /** A folder, address or hub name with `config.json` and what belongs to it; its weights are not read. */
    from: z.string().optional(),
    /** A small model written here: what `config.json`, `trunk.json`, `preprocessor_config.json` would hold. */
    config: z.record(z.string(), z.unknown()).optional(),
    trunk: z.record(z.string(), z.unknown()).optional(),
    preprocessor: z.record(z.string(), z.unknown()).optional(),
    /** What `tokenizer_config.json` would hold, beside `config`. */
    tokenizerConfig: z.record(z.string(), z.unknown()).optional(),
    /** Where the tokenizer's files lie: folder, address or hub name. Default: where the model says. */
    tokenizer: z.string().optional(),
    /** Where `logit_bias` starts: SigLIP's -10 is for batches of thousands, about -ln(batch) suits small ones. */
    logitBias: z.number().optional(),
    /** A PS3 or SigLIP checkpoint (OpenCLIP's or transformers' names) whose tensors replace random ones. */
    initializeFrom: z.string().optional(),
  })
  .refine(({ preset, from, config }) => [preset, from, config].filter(Boolean).length === 1, {
    message: 'give one of preset, from and config',
  })

const dataSchema = z.strictObject({
  /** Shards, with braces: one WebDataset, or the pictures of two parallel ones. */
  shards: z.string(),
  /** The captions of two parallel WebDatasets. */
  captions: z.string().optional(),
  /** How often a sample takes the global caption and the whole picture. */
  globalCaptionProbability: share.default(0.25),
  /** Boxes whose captions become one sample's. */
  boxesPerSample: positive.default(1),
  /** Encoded samples held to shuffle among. */
  shuffle: whole.default(256),
  /** Pictures decoded at the same time, at most one per shard. Default: what the machine can run at once. */
  workers: positive.optional(),
  /** Samples of an epoch that may be unusable before the run gives up. */
  maxSkipped: whole.default(100),
})

const optimizerSchema = z.strictObject({
  learningRate: rate.default(5e-6),
  /** Of the selection head and the text tower's prompt projection. Default: as the rest. */
  selectionLearningRate: rate.optional(),
  betas: z.tuple([share, share]).default([0.9, 0.95]),
  epsilon: rate.default(1e-8),
  weightDecay: weight.default(3e-4),
  /** Largest norm of all gradients together. */
  clipNorm: rate.optional(),
})

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

const lossSchema = z.strictObject({
  contrastive: weight.default(1),
  bottomUp: weight.default(1),
  topDown: weight.default(1),
  /** Adds a dice loss to both box losses. */
  dice: z.boolean().default(false),
  /** Contrast captions of one picture with each other too. */
  intraImageNegatives: z.boolean().default(false),
})

const selectionSchema = z.strictObject({
  /** Force the caption's region into the selection. */
  selectWithGroundTruth: z.boolean().default(true),
  /** Pool the picture's feature from tokens inside the region only. */
  poolGroundTruthTokensOnly: z.boolean().default(true),
  /** High-res tokens attend to the low-res keys and values too. */
  attendToLowRes: z.boolean().default(true),
  /** Patches looked at per picture, over all high scales. Default: the model's own number. */
  budget: positive.optional(),
})

const logSchema = z.strictObject({
  /** Steps between records. */
  every: positive.default(10),
  /** Steps between pictures of selection maps; 0 for none. */
  imagesEvery: whole.default(500),
})

const evaluationSchema = z.strictObject({
  /** Shards to evaluate on; without them nothing is evaluated. */
  shards: z.string().optional(),
  captions: z.string().optional(),
  /** Steps between evaluations; the last step is always evaluated. */
  every: positive.default(1000),
  /** Samples taken from the start of the shards. */
  samples: positive.default(256),
  /** Shares of the patches at which selection recall is measured. */
  budgets: z.array(z.number().positive().max(1)).min(1).default([0.01, 0.02, 0.05, 0.1, 0.2]),
})

const checkpointSchema = z.strictObject({
  /** Steps between checkpoints; the last step always has one. */
  every: positive.default(500),
  /** Newest checkpoints that stay, besides the best. */
  keep: positive.default(3),
  /** Metric by which `best` is chosen, such as `selection/topDown@2%`; larger is better. */
  best: z.string().default('retrieval/textToImage/R@1'),
})

const configSchema = z
  .strictObject({
    model: modelSchema,
    /** May be left out where the program brings its own samples. */
    data: dataSchema.optional(),
    seed: whole.default(0),
    /** Samples per step that are contrasted with each other. */
    batch: positive.default(32),
    /** Parts that a step's batch is computed in, one after the other; the gradient is that of the whole. */
    accumulation: positive.default(1),
    /** Give steps or epochs. */
    steps: positive.optional(),
    /** Passes over the data: `samplesPerEpoch` says how long one is. */
    epochs: positive.optional(),
    samplesPerEpoch: positive.optional(),
    optimizer: optimizerSchema.prefault({}),
    schedule: scheduleSchema.prefault({}),
    loss: lossSchema.prefault({}),
    selection: selectionSchema.prefault({}),
    /** Parameters that stay as they are, by name; `*` stands for anything: `text_model.*`. */
    freeze: z.array(z.string()).default([]),
    /** What linear layers multiply in, forwards and backwards; `bf16` needs native TensorFlow. */
    precision: z.enum(['float32', 'bf16']).default('float32'),
    /** Recompute blocks in the backward pass instead of keeping what they computed. */
    checkpointedBlocks: z.boolean().default(false),
    log: logSchema.prefault({}),
    evaluation: evaluationSchema.prefault({}),
    checkpoint: checkpointSchema.prefault({}),
  })
  .refine(
    ({ steps, epochs, samplesPerEpoch }) =>
      (steps === undefined) !== (epochs === undefined) &&
      (epochs === undefined) === (samplesPerEpoch === undefined),
    { message: 'give steps, or epochs with samplesPerEpoch' },
  )
  .refine(({ batch, accumulation }) => batch % accumulation === 0, {
    message: 'batch must be divisible by accumulation',
  })

/** A run's settings with every default filled in. */
export type TrainConfig = z.output<typeof configSchema>
/** What a configuration file holds. */
export type TrainConfigInput = z.input<typeof configSchema>

/**
 * Checks a configuration and fills in its defaults.
 * @throws ConfigError listing everything that is wrong; an unknown key with the nearest known one.
 */
export function parseTrainConfig(config: unknown, where = 'the configuration'): TrainConfig {
  const result = configSchema.safeParse(config)
  if (result.success) return result.data
  throw new ConfigError(`${where} is not valid:\n${describeIssues(result.error, configSchema)}`, {
    cause: result.error,
  })
}

/** Reads a configuration file's text: YAML, of which JSON is a part. @throws ConfigError */
export function readTrainConfig(text: string, where: string): TrainConfig {
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause
    throw new ConfigError(`${where} is neither YAML nor JSON: ${cause.message.split('\n')[0]}`, { cause })
  }
  return parseTrainConfig(value, where)
}

/** The configuration as YAML, defaults included. */
export const printTrainConfig = (config: TrainConfig): string => stringify(config)

/** How many steps the run has. */
export function totalSteps({ steps, epochs, samplesPerEpoch, batch }: TrainConfig): number {
  return steps ?? Math.floor((epochs! * samplesPerEpoch!) / batch)
}
