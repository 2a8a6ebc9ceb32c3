// The text tokenizer of a PS3 checkpoint: cleaned text to rows of ids, all of the context length.
// Source: NVlabs/PS3 tokenization_ps3.py over transformers' batch_encode_plus(padding="max_length", truncation=True).

import {
  CheckpointError,
  ConfigError,
  InvalidArgumentError,
  type PretrainedFiles,
  ResourceError,
} from '@ps3js/tensor'
import { z } from 'zod'
import { CLEAN_MODES, type CleanMode, cleanText } from './clean.ts'
import { createHfTokenizer, type HfTokenizer, type HfTokenizerFiles } from './hf-tokenizer.ts'

/** Where a tokenizer's files are read from: what `resolvePretrained` returns, or anything with these methods. */
export interface TokenizerFiles extends Pick<PretrainedFiles, 'location' | 'has' | 'readJson'> {
  /** The files that a path or hub name written in one of these files means. */
  relative(path: string): Promise<TokenizerFiles>
}

export interface TextTokenizerOptions {
  /** Ids per row. `null` when each call of `encode` names it. */
  contextLength: number | null
  clean: CleanMode
  /** Write 0 in place of the separator token (mT5 checkpoints). */
  stripSepToken?: boolean
}

const checkpointTokenizerConfig = z.object({
  tokenizer_name: z.string().min(1),
  context_length: z.number().int().positive().nullable().default(77),
  clean: z.enum(CLEAN_MODES as [CleanMode, ...CleanMode[]]).default('whitespace'),
  strip_sep_token: z.boolean().default(false),
  language: z.string().nullish(),
})

/** Tokenizers that mark the language by a token around the text. */
const LANGUAGE_CLASS = /^(NLLB|Nllb|MBart|MBart50|Seamless\w*|M2M100)Tokenizer(Fast)?$/

/** Turns texts into rows of token ids. */
export class TextTokenizer {
  readonly contextLength: number | null
  readonly clean: CleanMode
  readonly stripSepToken: boolean
  readonly #tokenizer: HfTokenizer

  /** @throws CheckpointError when the files do not hold a tokenizer that can be used here. */
  constructor(files: HfTokenizerFiles, options: TextTokenizerOptions) {
    this.contextLength = options.contextLength
    this.clean = options.clean
    this.stripSepToken = options.stripSepToken ?? false
    this.#tokenizer = createHfTokenizer(files)
  }

  /**
   * Reads `tokenizer_config.json` of a PS3 checkpoint and the tokenizer that it names.
   *
   * @param files the model directory
   * @param options.tokenizer where the named tokenizer's own files lie, in place of `tokenizer_name`
   * @throws CheckpointError when a file is missing or does not fit; ConfigError for unusable settings; ResourceError
   *   when the place of the files can't be reached.
   */
  static async fromPretrained(
    files: TokenizerFiles,
    options: { tokenizer?: TokenizerFiles } = {},
  ): Promise<TextTokenizer> {
    const parsed = checkpointTokenizerConfig.safeParse(await read(files, 'tokenizer_config.json'))
    if (!parsed.success) {
      throw new ConfigError(
        `tokenizer_config.json in ${files.location} is not that of a PS3 checkpoint: ${z.prettifyError(parsed.error)}`,
      )
    }
    const { tokenizer_name, context_length, clean, strip_sep_token, language } = parsed.data
    const own = options.tokenizer ?? (await findTokenizer(files, tokenizer_name))
    const tokenizer = await read(own, 'tokenizer.json')
    const config = await read(own, 'tokenizer_config.json')
    const { tokenizer_class } = (config ?? {}) as Record<string, unknown>
    if (language && LANGUAGE_CLASS.test(String(tokenizer_class))) {
      throw new ConfigError(
        `tokenizer_config.json in ${files.location} sets language ${JSON.stringify(language)} for a ${tokenizer_class}: tokenizers that mark the language are not supported`,
      )
    }
    const mapName = 'special_tokens_map.json'
    const specialTokensMap = (await own.has(mapName)) ? await own.readJson(mapName) : undefined
    return new TextTokenizer(
      { tokenizer, config, specialTokensMap },
      { contextLength: context_length, clean, stripSepToken: strip_sep_token },
    )
  }

  /** Largest id + 1: a model's text embedding needs at least as many rows. */
  get vocabSize(): number {
    return this.#tokenizer.vocabSize
  }

  /** Id that fills rows up. */
  get padId(): number {
    return this.#tokenizer.padId
  }

  /**
   * Cleans and encodes texts. Long ones are cut, keeping the special tokens at the ends; short ones are padded.
   *
   * @returns one row of `contextLength` ids per text
   * @throws InvalidArgumentError when a text is not a string or the context length cannot hold the special tokens.
   */
  encode(texts: string | readonly string[], options: { contextLength?: number } = {}): Int32Array[] {
    const length = this.#checkedLength(options.contextLength ?? this.contextLength)
    return (typeof texts === 'string' ? [texts] : texts).map((text) => this.#encodeOne(text, length))
  }

  #checkedLength(length: number | null): number {
    const { prefix, suffix } = this.#tokenizer
    const smallest = Math.max(1, prefix.length + suffix.length)
    if (length !== null && Number.isInteger(length) && length >= smallest) return length
    throw new InvalidArgumentError(
      `contextLength must be a whole number of at least ${smallest} (the tokenizer adds ${prefix.length + suffix.length} special tokens), not ${length}`,
    )
  }

  #encodeOne(text: string, length: number): Int32Array {
    const { prefix, suffix, padId, sepId, paddingSide, truncationSide, encode } = this.#tokenizer
    const room = length - prefix.length - suffix.length
    const ids = encode(cleanText(text, this.clean))
    const cut = truncationSide === 'right' ? ids.slice(0, room) : ids.slice(Math.max(0, ids.length - room))
    const row = new Int32Array(length).fill(padId)
    row.set([...prefix, ...cut, ...suffix], paddingSide === 'right' ? 0 : room - cut.length)
    return this.stripSepToken ? row.map((id) => (id === sepId ? 0 : id)) : row
  }
}

const ADVICE =
  'download tokenizer.json and tokenizer_config.json of the tokenizer into a folder beside the model and write its relative path as tokenizer_name into the tokenizer_config.json of the model, or pass the folder as `tokenizer`'

async function read(files: TokenizerFiles, name: string): Promise<unknown> {
  if (!(await files.has(name))) {
    throw new CheckpointError(
      `There is no ${name} in ${files.location}, so texts cannot be encoded; ${ADVICE}`,
    )
  }
  return files.readJson(name)
}

async function findTokenizer(files: TokenizerFiles, name: string): Promise<TokenizerFiles> {
  try {
    return await files.relative(name)
  } catch (cause) {
    if (!(cause instanceof ResourceError || cause instanceof InvalidArgumentError)) throw cause
    throw new CheckpointError(
      `The tokenizer ${JSON.stringify(name)} that tokenizer_config.json in ${files.location} names was not found: ${cause.message}; ${ADVICE}`,
      { cause },
    )
  }
}
