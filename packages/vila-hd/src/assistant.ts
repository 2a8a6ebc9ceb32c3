// A whole VILA-HD with what turns texts and pictures into its input.

import type { SamplingOptions, TextTokenizer } from '@ps3js/language-model'
import type { ImageProcessor } from '@ps3js/ps3-encoder'
import { ConfigError } from '@ps3js/tensor'
import { type ChatParts, PICTURE_TAG, PictureChat } from './chat.ts'
import type { VilaHdConfig } from './config.ts'
import type { VilaHd } from './vila-hd.ts'

/** Parsed configuration files of a model's directory by name, such as `llm/config.json`. */
export type ConfigFiles = Readonly<Record<string, unknown>>

export class PictureAssistant implements ChatParts {
  readonly model: VilaHd
  readonly tokenizer: TextTokenizer
  readonly processor: ImageProcessor
  readonly stopIds: readonly number[]
  /** How the model's makers sample from it; spread it into the options to do the same. Without options: greedy. */
  readonly recommended: SamplingOptions
  /** What it was loaded from: `saveVilaHd` keeps the fields that nothing here reads. */
  readonly published: ConfigFiles

  constructor({
    recommended = {},
    published = {},
    ...parts
  }: ChatParts & { recommended?: SamplingOptions; published?: ConfigFiles }) {
    this.model = parts.model
    this.tokenizer = parts.tokenizer
    this.processor = parts.processor
    this.stopIds = parts.stopIds
    this.recommended = recommended
    this.published = published
  }

  /** A new conversation. Dispose it. */
  chat(options?: { system?: string }): PictureChat {
    return new PictureChat(this, options)
  }

  dispose(): void {
    this.model.dispose()
  }
}

/** The ids that pictures and questions are told by, as a tokenizer and its chat template write them. */
export function tokenIds(
  tokenizer: TextTokenizer,
  pictureEnd: string,
): Pick<VilaHdConfig, 'imageTokenId' | 'pictureEndIds' | 'promptEndIds'> {
  const imageTokenId = tokenizer.idOf(PICTURE_TAG)
  if (imageTokenId === undefined) {
    throw new ConfigError(
      `the tokenizer has no token ${PICTURE_TAG}, which stands for a picture: take the tokenizer that the model was published with`,
    )
  }
  const question = 'Here is a question.'
  const rendered = tokenizer.renderChat([{ role: 'user', content: question }])
  const after = rendered.slice(rendered.lastIndexOf(question) + question.length)
  return {
    imageTokenId,
    pictureEndIds: tokenizer.encode(pictureEnd),
    promptEndIds: tokenizer.encode(after.trim()),
  }
}
