// A Hugging Face tokenizer read from its JSON files: text to ids, and what surrounds and pads them.
// Follows transformers' fast tokenizers; the published JavaScript library does the encoding.

import { Normalizer, Tokenizer } from '@huggingface/tokenizers'
import { CheckpointError } from '@ps3js/tensor'
import { precompiledNormalizer } from './precompiled-charsmap.ts'

type Side = 'left' | 'right'

/** The parsed files of a Hugging Face tokenizer. */
export interface HfTokenizerFiles {
  /** tokenizer.json */
  tokenizer: unknown
  /** tokenizer_config.json */
  config: unknown
  /** special_tokens_map.json; only consulted, as in transformers, when the config has no `added_tokens_decoder`. */
  specialTokensMap?: unknown
}

/** What batch encoding needs of a tokenizer. Ids of `encode` come without the special tokens around them. */
export interface HfTokenizer {
  encode(text: string): number[]
  readonly prefix: readonly number[]
  readonly suffix: readonly number[]
  readonly padId: number
  readonly sepId: number | undefined
  readonly paddingSide: Side
  readonly truncationSide: Side
  /** Largest id + 1. */
  readonly vocabSize: number
}

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** SentencePiece's own table; the library takes NFKC for it, and so reads 2 in 100 unusual texts differently. */
class ExactPrecompiled extends Normalizer {
  readonly #normalize: (text: string) => string

  constructor(charsmap: string) {
    super({ type: 'Precompiled', precompiled_charsmap: charsmap })
    this.#normalize = precompiledNormalizer(charsmap)
  }

  override normalize(text: string): string {
    return this.#normalize(text)
  }
}

function exactNormalizer(normalizer: Normalizer): Normalizer {
  const { config, normalizers } = normalizer as { config?: object; normalizers?: (Normalizer | null)[] }
  const charsmap = (config as Json | undefined)?.precompiled_charsmap
  if (typeof charsmap === 'string') return new ExactPrecompiled(charsmap)
  normalizers?.forEach((part, i) => {
    if (part) normalizers[i] = exactNormalizer(part)
  })
  return normalizer
}

function createTokenizer(json: Json, config: Json): Tokenizer {
  // The library asks for all of these; a file may leave out those that are null.
  const absent = {
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    added_tokens: [],
  }
  try {
    const tokenizer = new Tokenizer({ ...absent, ...json }, config)
    if (tokenizer.normalizer) tokenizer.normalizer = exactNormalizer(tokenizer.normalizer)
    return tokenizer
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause
    throw new CheckpointError(
      `tokenizer.json cannot be used: ${(cause as Error).message}; save the tokenizer again with a current transformers`,
      { cause },
    )
  }
}

/** Classes that put BOS and EOS around the text by their own settings, and pad on the left unless told otherwise. */
const BOS_EOS_CLASS = /^(Gemma|Llama)Tokenizer(Fast)?$/

/**
 * Prepares a tokenizer for use.
 *
 * @throws CheckpointError when the files do not describe a tokenizer that can be used here, or name no padding token.
 */
export function createHfTokenizer(files: HfTokenizerFiles): HfTokenizer {
  if (!isObject(files.tokenizer) || !isObject(files.tokenizer.model)) {
    throw new CheckpointError(
      'tokenizer.json has no "model": it is not the file of a fast Hugging Face tokenizer',
    )
  }
  if (files.tokenizer.model.type === 'Unigram' && files.tokenizer.model.byte_fallback === true) {
    throw new CheckpointError('tokenizer.json is a Unigram model with byte_fallback, which is not supported')
  }
  if (!isObject(files.config))
    throw new CheckpointError('tokenizer_config.json of the tokenizer is not a JSON object')
  const config: Json = { ...files.config }
  if (!config.added_tokens_decoder && isObject(files.specialTokensMap)) {
    for (const [name, token] of Object.entries(files.specialTokensMap)) config[name] = token
  }
  const tokenizer = createTokenizer(files.tokenizer, config)
  const vocabulary = tokenizer.model!.tokens_to_ids

  function idOf(name: string): number | undefined {
    const token = config[name]
    const content = isObject(token) ? token.content : token
    return typeof content === 'string' ? vocabulary.get(content) : undefined
  }
  function requiredIdOf(name: string): number {
    const id = idOf(name)
    if (id !== undefined) return id
    throw new CheckpointError(
      `tokenizer_config.json has ${name} ${JSON.stringify(config[name] ?? null)}, which the vocabulary of tokenizer.json does not hold; texts cannot be encoded to one length`,
    )
  }
  function side(name: string, fallback: Side): Side {
    const value = config[name] ?? fallback
    if (value === 'left' || value === 'right') return value
    throw new CheckpointError(
      `tokenizer_config.json: ${name} must be "left" or "right", not ${JSON.stringify(value)}`,
    )
  }

  const bosEosClass = BOS_EOS_CLASS.test(String(config.tokenizer_class))
  const [prefix, suffix] = bosEosClass
    ? [
        (config.add_bos_token ?? true) ? [requiredIdOf('bos_token')] : [],
        (config.add_eos_token ?? false) ? [requiredIdOf('eos_token')] : [],
      ]
    : specialTokensAround(tokenizer)

  let vocabSize = 0
  for (const id of vocabulary.values()) vocabSize = Math.max(vocabSize, id + 1)

  return {
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    prefix,
    suffix,
    padId: requiredIdOf('pad_token'),
    sepId: idOf('sep_token'),
    paddingSide: side('padding_side', bosEosClass ? 'left' : 'right'),
    truncationSide: side('truncation_side', 'right'),
    vocabSize,
  }
}

/** Runs the post-processor around a stand-in, and takes what it puts before and after it. */
function specialTokensAround(tokenizer: Tokenizer): [number[], number[]] {
  if (!tokenizer.post_processor) return [[], []]
  const standIn = '\0text\0'
  const { tokens } = tokenizer.post_processor([standIn], null, true) as { tokens: string[] }
  const ids = tokens.map((token) => tokenizer.token_to_id(token))
  const at = tokens.indexOf(standIn)
  const missing = tokens.find((_, i) => i !== at && ids[i] === undefined)
  if (missing !== undefined) {
    throw new CheckpointError(
      `tokenizer.json adds the special token ${JSON.stringify(missing)}, which its vocabulary does not hold`,
    )
  }
  return [ids.slice(0, at) as number[], ids.slice(at + 1) as number[]]
}
