// A language model with its tokenizer: texts and conversations in, text out as it comes.

import { ConfigError, InvalidArgumentError, type PretrainedFiles, resolvePretrained } from '@ps3js/tensor'
import { z } from 'zod'
import { type GenerateOptions, generate } from './generate/generate.ts'
import type { SamplingOptions } from './generate/sampling.ts'
import type { Qwen2 } from './model/qwen2.ts'
import { type LoadModelOptions, loadModel } from './pretrained/load.ts'
import { StreamDecoder } from './text/stream-decoder.ts'
import { type ChatMessage, TextTokenizer } from './text/tokenizer.ts'

/** A text to go on from, or a conversation to answer. */
export type TextPrompt = string | readonly ChatMessage[]

export interface TextOptions extends Omit<GenerateOptions, 'isDone'> {
  /** Texts that end an answer and are not part of it. */
  stop?: readonly string[]
}

/** A piece of an answer. */
export interface TextPiece {
  /** Which prompt it answers. */
  sequence: number
  /** May be empty while a character is not complete. */
  text: string
  id: number
  /** Set with the last piece: an end token or stop string, or `maxTokens` reached. */
  finish?: 'stop' | 'length'
}

export interface Completion {
  text: string
  ids: number[]
  finish: 'stop' | 'length'
}

export class LanguageModel {
  readonly model: Qwen2
  readonly tokenizer: TextTokenizer
  /** Tokens that end an answer. */
  readonly stopIds: readonly number[]
  /** How the model's makers sample from it; spread it into the options to do the same. Without options: greedy. */
  readonly recommended: SamplingOptions

  constructor(
    model: Qwen2,
    tokenizer: TextTokenizer,
    { stopIds, recommended = {} }: { stopIds?: readonly number[]; recommended?: SamplingOptions } = {},
  ) {
    this.model = model
    this.tokenizer = tokenizer
    this.stopIds = stopIds ?? (tokenizer.eosId === undefined ? [] : [tokenizer.eosId])
    this.recommended = recommended
  }

  /** Answers prompts of any lengths together, piece by piece. */
  async *stream(
    prompts: readonly TextPrompt[],
    { stop = [], ...options }: TextOptions = {},
  ): AsyncGenerator<TextPiece, void, void> {
    const parts = prompts.map((prompt) => ({ prompt: this.#encode(prompt) }))
    const decoders = prompts.map(() => new StreamDecoder(this.tokenizer, stop))
    const stopIds = options.stopIds ?? this.stopIds
    const maxTokens = options.maxTokens ?? 256
    let text = ''
    const isDone = ({ sequence, id }: { sequence: number; id: number }) => {
      text = stopIds.includes(id) ? '' : decoders[sequence]!.push(id)
      return decoders[sequence]!.stopped
    }
    const tokens = generate(this.model, parts, { ...options, stopIds, maxTokens, isDone })
    for await (const { sequence, id, index } of tokens) {
      const stopped = stopIds.includes(id) || decoders[sequence]!.stopped
      const ended = stopped || index + 1 === maxTokens
      if (!ended) yield { sequence, id, text }
      else {
        const all = text + decoders[sequence]!.finish()
        yield { sequence, id, text: all, finish: stopped || decoders[sequence]!.stopped ? 'stop' : 'length' }
      }
    }
  }

  /** Answers one prompt to its end. */
  async complete(prompt: TextPrompt, options?: TextOptions): Promise<Completion> {
    return (await this.completeBatch([prompt], options))[0]!
  }

  /** Answers prompts of any lengths together; each gets what it would get alone. */
  async completeBatch(prompts: readonly TextPrompt[], options?: TextOptions): Promise<Completion[]> {
    const answers = prompts.map((): Completion => ({ text: '', ids: [], finish: 'length' }))
    for await (const { sequence, text, id, finish } of this.stream(prompts, options)) {
      const answer = answers[sequence]!
      answer.text += text
      answer.ids.push(id)
      if (finish) answer.finish = finish
    }
    return answers
  }

  dispose(): void {
    this.model.dispose()
  }

  #encode(prompt: TextPrompt): number[] {
    const ids = typeof prompt === 'string' ? this.tokenizer.encode(prompt) : this.tokenizer.encodeChat(prompt)
    if (ids.length > 0) return ids
    throw new InvalidArgumentError('a prompt is empty: it needs at least one token')
  }
}

export interface LoadLanguageModelOptions extends LoadModelOptions {
  /** In place of the published chat template. */
  chatTemplate?: string
}

/** Loads a model and its tokenizer from a directory, a base URL, or `owner/name[@revision]` of the hub. */
export async function loadLanguageModel(
  from: string | PretrainedFiles,
  options: LoadLanguageModelOptions = {},
): Promise<LanguageModel> {
  const files = typeof from === 'string' ? await resolvePretrained(from, options) : from
  const tokenizer = await TextTokenizer.fromPretrained(files, options)
  const generation = readGeneration(await readGenerationConfig(files), tokenizer)
  return new LanguageModel(await loadModel(files, options), tokenizer, generation)
}

const generationSchema = z.object({
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().nullish(),
  top_k: z.int().nullish(),
  top_p: z.number().nullish(),
  repetition_penalty: z.number().nullish(),
})
type GenerationConfig = z.output<typeof generationSchema>

/** What transformers takes where a model samples and does not say among how many. */
const DEFAULT_TOP_K = 50

/** Models without a file of their own for it name their end in config.json. */
async function readGenerationConfig(files: PretrainedFiles): Promise<GenerationConfig> {
  const own = 'generation_config.json'
  const name = (await files.has(own)) ? own : 'config.json'
  const parsed = generationSchema.safeParse(await files.readJson(name))
  if (parsed.success) return parsed.data
  throw new ConfigError(`${files.location}/${name} is not valid:\n${z.prettifyError(parsed.error)}`)
}

function readGeneration(config: GenerationConfig, { eosId }: TextTokenizer) {
  const stopIds = [config.eos_token_id ?? [], eosId ?? []].flat()
  const recommended: SamplingOptions = {}
  if (config.repetition_penalty) recommended.repetitionPenalty = config.repetition_penalty
  if (config.do_sample) {
    recommended.temperature = config.temperature ?? 1
    const topK = config.top_k === undefined ? DEFAULT_TOP_K : config.top_k
    if (topK) recommended.topK = topK
    if (config.top_p) recommended.topP = config.top_p
  }
  return { stopIds: [...new Set(stopIds)], recommended }
}
