// The files that a tokenizer was published with, and tokens added to them.

import { CheckpointError, type PretrainedFiles } from '@ps3js/tensor'
import { z } from 'zod'

/** The parsed files of a tokenizer. */
export interface TokenizerJson {
  /** tokenizer.json */
  tokenizer: unknown
  /** tokenizer_config.json */
  config?: unknown
  /** chat_template.jinja, which wins over the template in the config. */
  chatTemplate?: string
}

const added = z.looseObject({ content: z.string() })

const fileSchema = z.looseObject({
  model: z.looseObject({ vocab: z.union([z.record(z.string(), z.number()), z.array(z.unknown())]) }),
  added_tokens: z.array(added.extend({ id: z.int() })).nullish(),
})

const configSchema = z.looseObject({ added_tokens_decoder: z.record(z.string(), added).nullish() })

/** Reads them from a model's directory. Throws CheckpointError where there are none. */
export async function readTokenizerJson(files: PretrainedFiles): Promise<TokenizerJson> {
  if (!(await files.has('tokenizer.json'))) {
    throw new CheckpointError(
      `There is no tokenizer.json in ${files.location}: load and save the tokenizer once with transformers, which writes it`,
    )
  }
  const [config, template] = ['tokenizer_config.json', 'chat_template.jinja']
  return {
    tokenizer: await files.readJson('tokenizer.json'),
    ...((await files.has(config)) && { config: await files.readJson(config) }),
    ...((await files.has(template)) && { chatTemplate: await files.readText(template) }),
  }
}

/** tokenizer.json as transformers reads it: with the tokens that only tokenizer_config.json names. Throws CheckpointError. */
export function wholeTokenizer({ tokenizer, config }: TokenizerJson): z.output<typeof fileSchema> {
  const parsed = fileSchema.safeParse(tokenizer)
  if (!parsed.success) {
    throw new CheckpointError(
      'tokenizer.json has no "model" with a "vocab": it is not the file of a fast Hugging Face tokenizer',
    )
  }
  const tokens = parsed.data.added_tokens ?? []
  const known = new Set(tokens.map(({ content }) => content))
  const named = Object.entries(configSchema.safeParse(config).data?.added_tokens_decoder ?? {})
  const others = named
    .filter(([, { content }]) => !known.has(content))
    .map(([id, token]) => ({ id: Number(id), ...token }))
  return { ...parsed.data, added_tokens: [...tokens, ...others] }
}

/** The same with one more token that no text is split into, such as `<image>`, behind all others; as it is where it has that. */
export function withSpecialToken(json: TokenizerJson, content: string): TokenizerJson {
  const tokenizer = wholeTokenizer(json)
  const { model, added_tokens } = tokenizer
  const tokens = added_tokens ?? []
  if (tokens.some((token) => token.content === content)) return json
  const taken = Array.isArray(model.vocab) ? [...model.vocab.keys()] : Object.values(model.vocab)
  const behind = [...taken, ...tokens.map((token) => token.id)].reduce(
    (next, id) => Math.max(next, id + 1),
    0,
  )
  const known = Array.isArray(model.vocab) ? undefined : model.vocab[content]
  const id = known ?? behind
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  return { ...json, tokenizer: { ...tokenizer, added_tokens: [...tokens, { id, content, ...flags }] } }
}
