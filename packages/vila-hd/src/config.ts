// What holds a VILA-HD together beyond its three parts, as the `config.json` of a whole model spells it
// (configuration_llava.py of NVlabs/VILA). Fields that change no number here are left alone.

import { ConfigError } from '@ps3js/tensor'
import { z } from 'zod'

/** When the closer look is chosen: by the question, or by the picture alone. VILA's `look_close_mode`. */
export const LOOK_MODES = ['after-prompt', 'after-image'] as const
export type LookMode = (typeof LOOK_MODES)[number]

/** Published models steer by the last state; small ones find more by the mean. */
export type PromptState = 'last' | 'mean'

export interface VilaHdConfig {
  /** Whose output the connector reads, counted from the last block: -1 is the last, -2 the one before it. */
  selectLayer: number
  /** The token id that stands for a picture. */
  imageTokenId: number
  /** Token ids that follow every picture's tokens: VILA's "\n". */
  pictureEndIds: readonly number[]
  /** Token ids that the chat template writes between an answer and the next question; without them both are one text. */
  promptStartIds?: readonly number[]
  /** Token ids that the chat template writes after a question: the state before them steers the closer look. */
  promptEndIds: readonly number[]
  lookMode: LookMode
  /** Which of the language model's states steers the closer look: after the question's last token, or their mean over its text. */
  promptState: PromptState
  /** Closer looks at each picture, each of the encoder's whole budget, unless `tokens` says otherwise. */
  looks: number
  /** Patches in all for each picture, in place of `looks`. */
  tokens: number | null
  /** Leave the finest scale out for pictures that are not large enough for it. */
  dynamicAspectRatio: boolean
}

/** How pictures are embedded: text around their tokens. A JSON text or an object. */
const imageEncoder = z.looseObject({
  start_tokens: z.null('text before a picture is not supported').optional(),
  end_tokens: z.string().nullish(),
})

const modes = { after_prompt: 'after-prompt', after_image: 'after-image' } as const

const rootSchema = z.looseObject({
  mm_projector_cfg: z.looseObject({ mm_projector_type: z.string().optional() }).nullish(),
  mm_vision_select_layer: z.int().nullish(),
  mm_vision_select_feature: z
    .literal('cls_patch', 'only "cls_patch" is supported: every token of the vision tower is a patch')
    .nullish(),
  look_close_mode: z.enum(['after_prompt', 'after_image']).nullish(),
  /** Not VILA's: its models always take the last. */
  top_down_prompt_state: z.enum(['last', 'mean']).nullish(),
  num_look_close: z.int().nonnegative().nullish(),
  num_token_look_close: z.int().nonnegative().nullish(),
  ps3_dynamic_aspect_ratio: z.boolean().nullish(),
  image_encoder: z.union([z.string(), imageEncoder]).nullish(),
  image_aspect_ratio: z
    .string()
    .refine(
      (value) => !/^(pad|dynamic)/.test(value),
      'pictures are resized to a square here, not padded and not cut into tiles: only "resize" is supported',
    )
    .nullish(),
  /** A template that VILA carries itself, in place of the tokenizer's. */
  chat_template: z
    .literal('qwen2', 'only "qwen2" is known: put the template into tokenizer_config.json')
    .nullish(),
})

/** What a root `config.json` says; token ids come from the tokenizer. */
export interface RootConfig
  extends Omit<VilaHdConfig, 'imageTokenId' | 'pictureEndIds' | 'promptStartIds' | 'promptEndIds'> {
  projectorType: string | undefined
  /** Text that follows every picture. */
  pictureEnd: string
  chatTemplate: 'qwen2' | undefined
}

/** Reads a parsed root `config.json`. Throws ConfigError listing every field that is wrong. */
export function parseRootConfig(json: unknown): RootConfig {
  const root = check(rootSchema.safeParse(json), 'config.json')
  const picture = imageEncoderOf(root.image_encoder)
  return {
    projectorType: root.mm_projector_cfg?.mm_projector_type,
    selectLayer: root.mm_vision_select_layer ?? -2,
    lookMode: modes[root.look_close_mode ?? 'after_prompt'],
    promptState: root.top_down_prompt_state ?? 'last',
    looks: root.num_look_close ?? 1,
    tokens: root.num_token_look_close ?? null,
    dynamicAspectRatio: root.ps3_dynamic_aspect_ratio ?? false,
    pictureEnd: picture.end_tokens === undefined ? '\n' : (picture.end_tokens ?? ''),
    chatTemplate: root.chat_template ?? undefined,
  }
}

/**
 * The fields of a root `config.json` that `parseRootConfig` reads back, but for `chat_template`.
 * @param published what the root held that the model was loaded from
 */
export function rootConfigJson(
  config: VilaHdConfig,
  pictureEnd: string,
  published: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    mm_vision_select_layer: config.selectLayer,
    mm_vision_select_feature: 'cls_patch',
    ps3: true,
    // VILA does not load without it.
    image_aspect_ratio: published.image_aspect_ratio ?? 'resize',
    look_close_mode: config.lookMode.replace('-', '_'),
    top_down_prompt_state: config.promptState,
    num_look_close: config.looks,
    num_token_look_close: config.tokens,
    ps3_dynamic_aspect_ratio: config.dynamicAspectRatio,
    image_encoder: JSON.stringify({
      _target_: 'llava.model.encoders.BasicImageEncoder',
      ...imageEncoderOf(published.image_encoder),
      end_tokens: pictureEnd,
    }),
  }
}

function imageEncoderOf(value: unknown): z.output<typeof imageEncoder> {
  const parsed = typeof value === 'string' ? parseJson(value) : (value ?? {})
  return check(imageEncoder.safeParse(parsed), 'image_encoder')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ConfigError(`config.json: image_encoder is not JSON: ${(cause as Error).message}`, { cause })
  }
}

function check<T>(result: z.ZodSafeParseResult<T>, where: string): T {
  if (result.success) return result.data
  throw new ConfigError(`${where} is not that of a VILA-HD:\n${z.prettifyError(result.error)}`, {
    cause: result.error,
  })
}
