// The one configuration of a fine-tuning run. A recipe of stages is one file a stage, each beginning from the last one's
// model; defaults are those of VILA-HD's training (arXiv:2503.19903, section 4) where it says.

import { LORA_TARGETS } from '@ps3js/language-model'
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
} from '../run/run-config.ts'
import { SELECTION_MODES } from './forward.ts'

const partsSchema = z.strictObject({
  /** A PS3 model: folder, address or hub name. Its text tower is left out. */
  visionTower: z.string(),
  /** A Qwen2 with its tokenizer: folder, address or hub name. */
  languageModel: z.string().optional(),
  /** In its place: what `config.json` of a new, random one would hold. */
  languageModelConfig: z.record(z.string(), z.unknown()).optional(),
  /** The new one's tokenizer with its chat template: folder, address or hub name. */
  tokenizer: z.string().optional(),
  /** How the connector projects, as VILA names it. */
  projector: z.string().default('mlp_downsample'),
  /** A safetensors file with values of the projector's layers, named as in checkpoints (`layers.0.weight`). Default: random. */
  projectorWeights: z.string().optional(),
  promptHead: z.enum(['linear', 'mlp']).default('linear'),
  /** Which of the language model's states steer where it looks: the last of the question, or their mean over its text. */
  promptState: z.enum(['last', 'mean']).default('last'),
  /** Learned places and scales of tokens. */
  positions: z.boolean().default(true),
  /** Whose output the connector reads, from the last block: -1 is the last. */
  selectLayer: z.int().negative().default(-2),
})

const modelSchema = z
  .strictObject({
    /** A whole VILA-HD to go on with: folder, address or hub name. */
    from: z.string().optional(),
    /** In its place: what a new one is made of. */
    parts: partsSchema.optional(),
  })
  .refine(({ from, parts }) => (from === undefined) !== (parts === undefined), {
    message: 'give one of from and parts',
  })
  .refine(
    ({ parts }) =>
      !parts || (parts.languageModel === undefined) === (parts.languageModelConfig !== undefined),
    { message: 'parts needs one of languageModel and languageModelConfig' },
  )
  .refine(
    ({ parts }) => !parts || (parts.languageModelConfig === undefined) === (parts.tokenizer === undefined),
    { message: 'parts.tokenizer belongs to languageModelConfig, and that needs it' },
  )

const dataSchema = z.strictObject({
  /** Shards of pictures whose records have questions, with braces. */
  shards: z.string(),
  /** Questions about one picture that come one after the other, and share its low-res pass in a batch. */
  questionsPerPicture: positive.default(4),
  /** Kinds of questions that are asked. Default: all. */
  kinds: z.array(z.string()).optional(),
  /** How often a picture is shown small, pasted onto a larger background, so that it has to be found first. */
  pasted: share.default(0),
  /** Encoded pictures held to shuffle among. */
  shuffle: whole.default(256),
  /** Pictures that may be unusable before the run gives up. */
  maxSkipped: whole.default(100),
})

const optimizerSchema = z.strictObject({
  learningRate: rate.default(1e-5),
  /** In place of `learningRate` for one part. */
  visionTower: rate.optional(),
  connector: rate.optional(),
  promptHead: rate.optional(),
  languageModel: rate.optional(),
  ...optimizerFields,
})

const loraSchema = z.strictObject({
  /** Width of the adapters' two narrow matrices. */
  rank: positive,
  /** Their product counts `alpha / rank` times. */
  alpha: rate,
  /** Layers that get one. */
  targets: z.array(z.enum(LORA_TARGETS)).min(1).default(['q_proj', 'v_proj']),
})

const budgetRange = z
  .tuple([positive, positive])
  .refine(([least, most]) => least <= most, 'the second number is the larger one')

const selectionSchema = z.strictObject({
  /** What questions are answered from: see `SelectionMode`. */
  mode: z.enum(SELECTION_MODES).default('predicted'),
  /**
   * Patches looked at per picture, over all high scales; of two numbers anything from one to the other, each magnitude as often.
   * Default: the model's own number.
   */
  budget: z.union([positive, budgetRange]).optional(),
  /** Whether the language model reads the low-res tokens too. */
  lowRes: z.boolean().default(true),
  /** Most other objects that `forced` takes along, default 8, and `crop`, which takes any number up to it, default 0. */
  distractors: whole.optional(),
})

const promptSchema = z.strictObject({
  /** Whether the language model learns from where it looks; else the prompt head alone does. */
  gradient: z.boolean().default(false),
})

const lossSchema = z.strictObject({
  answer: weight.default(1),
  /** Of where the question looks, against the boxes of what is asked about. */
  selection: weight.default(1),
})

const evaluationSchema = z.strictObject({
  /** Shards to evaluate on; without them nothing is evaluated. */
  shards: z.string().optional(),
  /** Steps between evaluations; the last step is always evaluated. */
  every: positive.default(1000),
  /** Questions taken from the start of the shards. */
  samples: positive.default(256),
  /** What questions are answered from there. */
  mode: z.enum(SELECTION_MODES).default('predicted'),
  /** Shares of the patches at which the recall of what is asked for is measured. */
  budgets: z.array(z.number().positive().max(1)).min(1).default([0.01, 0.02, 0.05]),
  /** Most tokens of an answer. */
  maxTokens: positive.default(16),
})

const checkpointSchema = z.strictObject({
  ...checkpointFields,
  /** Metric by which `best` is chosen, such as `accuracy/color`; larger is better. */
  best: z.string().default('accuracy/all'),
})

const configSchema = checkedRun(
  z.strictObject({
    model: modelSchema,
    /** May be left out where the program brings its own samples. */
    data: dataSchema.optional(),
    ...runFields,
    optimizer: optimizerSchema.prefault({}),
    /** Of the language model only low-rank adapters learn, at its rate; its own weights stay. Default: all of it learns. */
    lora: loraSchema.optional(),
    loss: lossSchema.prefault({}),
    selection: selectionSchema.prefault({}),
    prompt: promptSchema.prefault({}),
    evaluation: evaluationSchema.prefault({}),
    checkpoint: checkpointSchema.prefault({}),
  }),
)

/** A run's settings with every default filled in. */
export type FineTuneConfig = z.output<typeof configSchema>
/** What a configuration file holds. */
export type FineTuneConfigInput = z.input<typeof configSchema>

/**
 * Checks a configuration and fills in its defaults.
 * @throws ConfigError listing everything that is wrong; an unknown key with the nearest known one.
 */
export const parseFineTuneConfig = (config: unknown, where = 'the configuration'): FineTuneConfig =>
  parseConfigWith(configSchema, config, where)

/** Reads a configuration file's text: YAML, of which JSON is a part. @throws ConfigError */
export const readFineTuneConfig = (text: string, where: string): FineTuneConfig =>
  parseFineTuneConfig(readYaml(text, where), where)

/** The configuration as YAML, defaults included. */
export const printFineTuneConfig = (config: FineTuneConfig): string => printYaml(config)
