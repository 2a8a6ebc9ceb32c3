// A whole VILA-HD with what turns texts and pictures into its input.

import type { ChatMessage, SamplingOptions, TextTokenizer } from '@ps3js/language-model'
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
): Pick<VilaHdConfig, 'imageTokenId' | 'pictureEndIds' | 'promptStartIds' | 'promptEndIds'> {
  const imageTokenId = tokenizer.idOf(PICTURE_TAG)
  if (imageTokenId === undefined) {
    throw new ConfigError(
      `the tokenizer has no token ${PICTURE_TAG}, which stands for a picture: take that of a VILA-HD, or add it with withSpecialToken`,
    )
  }
  const after = behind(QUESTION, tokenizer.renderChat([QUESTION]))
  const between = behind(ANSWER, tokenizer.renderChat([QUESTION, ANSWER, NEXT]))
  return {
    imageTokenId,
    pictureEndIds: tokenizer.encode(pictureEnd),
    promptStartIds: tokenizer.encode(between.slice(0, between.lastIndexOf(NEXT.content))),
    promptEndIds: tokenizer.encode(after.trim()),
  }
}

/**
 * The ids that end an answer: what the chat template writes first behind one, and the tokenizer's own end of a text, which
 * differ in base models (VILA's `infer_stop_tokens`).
 *
 * @throws ConfigError when there is neither
 */
export function stopIdsOf(tokenizer: TextTokenizer): number[] {
  const told = tokenizer.renderChat([QUESTION, ANSWER], { addGenerationPrompt: false })
  const [end] = tokenizer.encode(behind(ANSWER, told))
  const ids = [end, tokenizer.eosId].filter((id) => id !== undefined)
  if (ids.length > 0) return [...new Set(ids)]
  throw new ConfigError(
    'nothing ends an answer: the tokenizer names no eos_token, and its chat template writes none',
  )
}

const QUESTION: ChatMessage = { role: 'user', content: 'Here is a question.' }
const NEXT: ChatMessage = { role: 'user', content: 'This is another one.' }
const ANSWER: ChatMessage = { role: 'assistant', content: 'And that was an answer.' }

const behind = ({ content }: ChatMessage, rendered: string) =>
  rendered.slice(rendered.lastIndexOf(content) + content.length)
