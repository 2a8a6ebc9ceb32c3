// The tokenizer and chat template that a model was published with: Hugging Face's files, read by their own libraries.

import { Template } from '@huggingface/jinja'
import { Tokenizer } from '@huggingface/tokenizers'
import { CheckpointError, ConfigError, InvalidArgumentError, type PretrainedFiles } from '@ps3js/tensor'
import { z } from 'zod'
import { readTokenizerJson, type TokenizerJson, wholeTokenizer } from './tokenizer-files.ts'

/** One turn of a conversation. */
export interface ChatMessage {
  /** Such as `system`, `user`, `assistant`: the template knows which. */
  role: string
  content: string
}

export interface ChatOptions {
  /** End with the beginning of an answer. Default: true. */
  addGenerationPrompt?: boolean
  /** Other variables that the template reads. */
  variables?: Record<string, unknown>
}

const token = z.union([z.string(), z.object({ content: z.string() })]).nullish()

const configSchema = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
  bos_token: token,
  eos_token: token,
  pad_token: token,
})

export class TextTokenizer {
  /** Ends a text or a turn, where the tokenizer names such a token. */
  readonly eosId: number | undefined
  readonly #tokenizer: Tokenizer
  readonly #special: Record<string, string | undefined>
  readonly #template: string | undefined
  #compiled: Template | undefined

  /** @throws CheckpointError or ConfigError when the files do not hold a tokenizer that can be used here */
  constructor(json: TokenizerJson) {
    const parsed = configSchema.safeParse(json.config ?? {})
    if (!parsed.success) {
      throw new ConfigError(`tokenizer_config.json is not valid:\n${z.prettifyError(parsed.error)}`)
    }
    this.#tokenizer = createTokenizer(json, parsed.data)
    const content = (value: z.output<typeof token>) => (typeof value === 'string' ? value : value?.content)
    const { bos_token, eos_token, pad_token, chat_template } = parsed.data
    this.#special = {
      bos_token: content(bos_token),
      eos_token: content(eos_token),
      pad_token: content(pad_token),
    }
    const named = Array.isArray(chat_template)
      ? chat_template.find(({ name }) => name === 'default')?.template
      : chat_template
    this.#template = json.chatTemplate ?? named ?? undefined
    this.eosId = this.#special.eos_token === undefined ? undefined : this.idOf(this.#special.eos_token)
  }

  /** Reads the tokenizer's files of a model's directory; `chatTemplate` wins over the one among them. */
  static async fromPretrained(
    files: PretrainedFiles,
    { chatTemplate }: Pick<TokenizerJson, 'chatTemplate'> = {},
  ): Promise<TextTokenizer> {
    const json = await readTokenizerJson(files)
    return new TextTokenizer(chatTemplate === undefined ? json : { ...json, chatTemplate })
  }

  /** Token ids of a text, in which special tokens may be written out (`<|im_start|>`). */
  encode(text: string): number[] {
    return text === '' ? [] : this.#tokenizer.encode(text, { add_special_tokens: false }).ids
  }

  /** The text of token ids, without special tokens unless asked for. */
  decode(ids: readonly number[], { specialTokens = false }: { specialTokens?: boolean } = {}): string {
    if (ids.length === 0) return ''
    return this.#tokenizer.decode([...ids], {
      skip_special_tokens: !specialTokens,
      clean_up_tokenization_spaces: false,
    })
  }

  /** The id of one token as the vocabulary spells it. */
  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token)
  }

  /** A conversation as the text that the model was trained on. */
  renderChat(
    messages: readonly ChatMessage[],
    { addGenerationPrompt = true, variables = {} }: ChatOptions = {},
  ): string {
    if (this.#template === undefined) {
      throw new ConfigError(
        'this tokenizer has no chat template: encode plain text, or take the tokenizer of the instruct model',
      )
    }
    try {
      this.#compiled ??= new Template(this.#template)
      const { bos_token, eos_token, pad_token } = this.#special
      return this.#compiled.render({
        messages,
        add_generation_prompt: addGenerationPrompt,
        ...{ bos_token, eos_token, pad_token },
        ...variables,
      })
    } catch (cause) {
      throw new InvalidArgumentError(
        `the chat template does not take these messages: ${(cause as Error).message}`,
        { cause },
      )
    }
  }

  /** Token ids of a conversation. */
  encodeChat(messages: readonly ChatMessage[], options?: ChatOptions): number[] {
    return this.encode(this.renderChat(messages, options))
  }
}

function createTokenizer(json: TokenizerJson, config: object): Tokenizer {
  // The library asks for all of these; a file may leave out those that are null.
  const absent = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null }
  try {
    return new Tokenizer({ ...absent, ...wholeTokenizer(json) }, config)
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause
    throw new CheckpointError(
      `tokenizer.json cannot be used: ${(cause as Error).message}; save the tokenizer again with a current transformers`,
      { cause },
    )
  }
}
