// Model configuration as `config.json` spells it (snake_case, defaults as the reference fills them in).
// Unknown fields are an error: a field that is silently ignored is a model that silently differs.

import { SELECTION_IMAGE_SIZE } from '@ps3js/patch-selector'
import { ConfigError } from '@ps3js/tensor'
import { z } from 'zod'

const ascending = (values: number[]) => values.every((v, i) => i === 0 || v > values[i - 1]!)
const positive = z.int().positive()

/** What `transformers` writes into every config.json; none of it changes a number here. */
const transformersFields = {
  _name_or_path: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
  torch_dtype: z.string().nullish(),
  dtype: z.string().nullish(),
  transformers_version: z.string().optional(),
}

const visionSchema = z
  .strictObject({
    ...transformersFields,
    model_type: z.literal('ps3_vision_model').optional(),
    /** timm's name of the trunk; its dimensions come from `trunks` or `trunk.json`. */
    model_name: z.string(),
    hidden_size: positive.default(1152),
    pool: z.enum(['map', 'avg', 'token']).default('avg'),
    ps3: z.boolean().optional(),
    ps3_scales: z
      .array(positive)
      .min(2, 'needs the low-res scale and at least one above it')
      .refine(ascending, 'must ascend')
      .default([378, 756, 1512]),
    select_based_on_layer: z.array(z.int().nonnegative()).min(1).default([0, 9, 18, 26]),
    min_select_num: z.int().nonnegative().optional(),
    max_select_num: positive.default(1280),
    max_select_num_each_scale: z.array(z.int().nonnegative()).nullish(),
    separate_pos_emb: z.boolean().default(true),
    highres_selection_feature: z.boolean().default(true),
    highres_selection_module_hidden_dim: positive.default(512),
    highres_selection_module_out_dim: positive.default(512),
    highres_selection_module_depth: z.int().nonnegative().default(3),
    highres_selection_module_kernel_size: positive.default(28),
    /** Ours, for small models: the released ones look at 1512 px, and their files do not name it. */
    highres_selection_image_size: positive.default(SELECTION_IMAGE_SIZE),
    radio: z.boolean().default(false),
    radio_adapter_mlp_version: z.enum(['v1', 'v2']).nullish(),
    radio_adapter_mlp_input_dim: positive.nullish(),
    radio_adapter_mlp_hidden_dim: positive.nullish(),
    radio_adapter_mlp_output_dim: positive.nullish(),
    radio_adapter_mlp_num_inner: z.int().nonnegative().nullish(),
    img_size: positive.nullish(),
    class_token: z.literal(false).nullish(),
    final_norm: z.boolean().default(false),
    // Training-time and bookkeeping fields of the reference.
    drop: z.number().optional(),
    drop_path: z.number().nullish(),
    patch_drop: z.number().nullish(),
    pretrained: z.boolean().optional(),
    dynamic_img_size: z.boolean().nullish(),
    vision_tower_name: z.string().optional(),
    image_size: positive.optional(),
    patch_size: positive.optional(),
  })
  .refine((c) => !c.radio || (c.radio_adapter_mlp_version && c.radio_adapter_mlp_output_dim), {
    message: 'radio models need radio_adapter_mlp_version and the radio_adapter_mlp_* dimensions',
  })
  .refine(
    (c) => (c.max_select_num_each_scale?.length ?? c.ps3_scales.length - 1) === c.ps3_scales.length - 1,
    {
      message: 'max_select_num_each_scale needs one number per scale above the first',
    },
  )

const textSchema = z.strictObject({
  ...transformersFields,
  model_type: z.literal('ps3_text_model').optional(),
  output_dim: positive.default(1152),
  prompt_proj_dim: positive.default(1152),
  context_length: positive.default(77),
  vocab_size: positive.default(49408),
  hf_tokenizer_name: z.string().nullish(),
  tokenizer_kwargs: z.record(z.string(), z.unknown()).nullish(),
  width: positive.default(512),
  heads: positive.default(8),
  layers: z.int().nonnegative().default(12),
  mlp_ratio: z.number().positive().default(4),
  ls_init_value: z.number().nullish(),
  embed_cls: z.literal(false, 'a text tower with a class embedding (CoCa) is not supported').optional(),
  pad_id: z.int().optional(),
  no_causal_mask: z.boolean().default(false),
  final_ln_after_pool: z.boolean().optional(),
  pool_type: z.enum(['first', 'last', 'argmax']).default('argmax'),
  proj_bias: z.boolean().default(false),
  output_tokens: z.boolean().optional(),
  act_kwargs: z.strictObject({ approximate: z.enum(['none', 'tanh']).optional() }).default({}),
  norm_kwargs: z.strictObject({ eps: z.number().positive().optional() }).default({}),
})

const trunkSchema = z.object({
  patch_size: positive,
  /** Positions per side of the trunk's own table. */
  grid: positive,
  width: positive,
  depth: positive,
  heads: positive,
  mlp_hidden: positive,
  attn_pool: z.object({ width: positive, heads: positive, mlp_ratio: z.number().positive() }),
})

export type VisionConfig = z.output<typeof visionSchema>
export type TextConfig = z.output<typeof textSchema>
/** Dimensions of the vision transformer behind a timm name. */
export type TrunkConfig = z.output<typeof trunkSchema>

export interface PS3Config {
  vision: VisionConfig
  trunk: TrunkConfig
  text: TextConfig | null
}

const SO400M = { patch_size: 14, grid: 27, width: 1152, depth: 27, heads: 16, mlp_hidden: 4304 }
const SIGLIP_POOL = { width: 1152, heads: 16, mlp_ratio: 3.7362 }

/** The timm trunks of the released models. Any other name needs a `trunk.json` beside `config.json`. */
export const trunks: Record<string, TrunkConfig> = {
  vit_so400m_patch14_siglip_384: { ...SO400M, attn_pool: SIGLIP_POOL },
  vit_so400m_patch14_siglip_378: { ...SO400M, attn_pool: SIGLIP_POOL },
  vit_large_patch16_224: {
    patch_size: 16,
    grid: 256,
    width: 1024,
    depth: 24,
    heads: 16,
    mlp_hidden: 4096,
    attn_pool: SIGLIP_POOL,
  },
}

/**
 * Reads a parsed `config.json`: a whole model (`vision_config`, `text_config`) or a vision model alone; and, for trunks
 * that are not in `trunks`, a parsed `trunk.json`. Throws ConfigError listing every field that is wrong.
 */
export function parseConfig(config: unknown, trunk?: unknown): PS3Config {
  const whole = isRecord(config) && ('vision_config' in config || config.model_type === 'ps3') ? config : null
  if (whole) {
    const { vision_config, text_config, model_type, ...rest } = whole
    check(z.strictObject(transformersFields).safeParse(rest), 'config.json')
    return assemble(vision_config, text_config, trunk)
  }
  return assemble(config, null, trunk)
}

/** Reads a parsed text config (a `text_config`, or the `config.json` of a text model alone). Throws ConfigError. */
export function parseTextConfig(config: unknown): TextConfig {
  return check(textSchema.safeParse(config), 'text config')
}

function assemble(visionInput: unknown, textInput: unknown, trunkInput: unknown): PS3Config {
  const vision = check(visionSchema.safeParse(visionInput), 'vision config')
  const text = textInput ? parseTextConfig(textInput) : null
  const trunk = trunkInput
    ? check(trunkSchema.safeParse(trunkInput), 'trunk.json')
    : trunks[vision.model_name]
  if (!trunk) {
    throw new ConfigError(
      `unknown trunk "${vision.model_name}": put a trunk.json beside config.json with patch_size, grid, width, depth, heads, mlp_hidden and attn_pool`,
    )
  }
  checkFit(vision, trunk, text)
  return { vision, trunk, text }
}

function checkFit(vision: VisionConfig, trunk: TrunkConfig, text: TextConfig | null): void {
  const { ps3_scales: scales, select_based_on_layer: layers } = vision
  const low = scales[0]!
  if (trunk.width % trunk.heads !== 0) {
    throw new ConfigError(`width ${trunk.width} must be divisible by ${trunk.heads} heads`)
  }
  for (const scale of scales) {
    if (scale % trunk.patch_size !== 0) {
      throw new ConfigError(`scale ${scale} must be divisible by patch size ${trunk.patch_size}`)
    }
    if (scale % low !== 0)
      throw new ConfigError(`scale ${scale} must be a multiple of the first scale, ${low}`)
  }
  const tooDeep = layers.find((layer) => layer >= trunk.depth)
  if (tooDeep !== undefined) {
    throw new ConfigError(
      `select_based_on_layer names layer ${tooDeep}, but the trunk has ${trunk.depth} (0..${trunk.depth - 1})`,
    )
  }
  const { highres_selection_image_size: view, highres_selection_module_kernel_size: kernel } = vision
  if (vision.highres_selection_feature && view % kernel !== 0) {
    throw new ConfigError(
      `highres_selection_image_size ${view} must be divisible by highres_selection_module_kernel_size ${kernel}`,
    )
  }
  const finest = scales[scales.length - 1]! / trunk.patch_size
  if (vision.radio && trunk.grid < finest) {
    throw new ConfigError(
      `the position table of ${trunk.grid}x${trunk.grid} is smaller than the finest grid, ${finest}x${finest}`,
    )
  }
  if (text && text.width % text.heads !== 0) {
    throw new ConfigError(`text width ${text.width} must be divisible by ${text.heads} heads`)
  }
  if (text && text.prompt_proj_dim !== trunk.width) {
    throw new ConfigError(
      `prompts are ${text.prompt_proj_dim} wide, the vision trunk ${trunk.width}: they must be equal`,
    )
  }
}

function check<T>(result: z.ZodSafeParseResult<T>, where: string): T {
  if (result.success) return result.data
  throw new ConfigError(`${where} is not valid:\n${z.prettifyError(result.error)}`, { cause: result.error })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
