// The one configuration of a run, as YAML or JSON spells it. Defaults are the recipe of PS3 (arXiv:2503.19903, and the
// released training scripts); every unknown key is an error, as a setting that is silently ignored is another run.

import { z } from 'zod'
import {
  checkedRun,
  checkpointFields,
  optimizerFields,
  parseConfigWith,
  positive,
  printYaml,
  rate,
  readYaml,
  runFields,
  share,
  weight,
  whole,
} from './run-config.ts'

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
  /** Most captions taken of one picture, of one crop: it is computed once for all that fall into a step. */
  captionsPerPicture: positive.default(1),
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
  ...optimizerFields,
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
  ...checkpointFields,
  /** Metric by which `best` is chosen, such as `selection/topDown@2%`; larger is better. */
  best: z.string().default('retrieval/textToImage/R@1'),
})

const configSchema = checkedRun(
  z.strictObject({
    model: modelSchema,
    /** May be left out where the program brings its own samples. */
    data: dataSchema.optional(),
    /** The samples of a batch are contrasted with each other. */
    ...runFields,
    optimizer: optimizerSchema.prefault({}),
    loss: lossSchema.prefault({}),
    selection: selectionSchema.prefault({}),
    /** What linear layers multiply in, forwards and backwards; `bf16` needs native TensorFlow. */
    precision: z.enum(['float32', 'bf16']).default('float32'),
    /** Recompute blocks in the backward pass instead of keeping what they computed. */
    checkpointedBlocks: z.boolean().default(false),
    evaluation: evaluationSchema.prefault({}),
    checkpoint: checkpointSchema.prefault({}),
  }),
)

/** A run's settings with every default filled in. */
export type TrainConfig = z.output<typeof configSchema>
/** What a configuration file holds. */
export type TrainConfigInput = z.input<typeof configSchema>

/**
 * Checks a configuration and fills in its defaults.
 * @throws ConfigError listing everything that is wrong; an unknown key with the nearest known one.
 */
export const parseTrainConfig = (config: unknown, where = 'the configuration'): TrainConfig =>
  parseConfigWith(configSchema, config, where)

/** Reads a configuration file's text: YAML, of which JSON is a part. @throws ConfigError */
export const readTrainConfig = (text: string, where: string): TrainConfig =>
  parseTrainConfig(readYaml(text, where), where)

/** The configuration as YAML, defaults included. */
export const printTrainConfig = (config: TrainConfig): string => printYaml(config)
