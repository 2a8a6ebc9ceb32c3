// The tokenizer against the reference's own: Unigram, BPE with byte fallback, and a SentencePiece table as T5 has it.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CheckpointError,
  ConfigError,
  InvalidArgumentError,
  ResourceError,
  resolvePretrained,
} from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import type { CleanMode } from './clean.ts'
import { TextTokenizer, type TokenizerFiles } from './tokenizer.ts'

const fixtures = new URL('../../fixtures/text/', import.meta.url)

async function fixture<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(name, fixtures), 'utf8')) as T
}

/** A fixture directory; `over` replaces files by name, by nothing where it says undefined. */
function place(directory: string, over: Record<string, unknown> = {}): TokenizerFiles {
  const content = async (name: string): Promise<unknown> =>
    name in over ? over[name] : await fixture(`${directory}/${name}`).catch(() => undefined)
  return {
    location: directory,
    has: async (name) => (await content(name)) !== undefined,
    readJson: async (name) => structuredClone(await content(name)),
    async relative(path) {
      if (path.includes('://')) throw new ResourceError(`${path} cannot be reached`)
      return place(`${directory}/${path}`)
    },
  }
}

const checkpoint = (settings: object) =>
  place('model', { 'tokenizer_config.json': { context_length: 12, clean: 'whitespace', ...settings } })

async function load(tokenizer: string, settings: object = {}, config: object = {}) {
  const own = { ...(await fixture<object>(`${tokenizer}/tokenizer_config.json`)), ...config }
  return TextTokenizer.fromPretrained(checkpoint({ tokenizer_name: `../${tokenizer}`, ...settings }), {
    tokenizer: place(tokenizer, { 'tokenizer_config.json': own }),
  })
}

interface Case {
  tokenizer: string
  config: Record<string, unknown>
  clean: CleanMode
  contextLength: number
  stripSepToken: boolean
  padId: number
  rows: number[][]
}

describe('TextTokenizer', async () => {
  const recorded = await fixture<{
    cases: { tokenizer: string; context_length: number; clean: string; texts: string[]; ids: number[][] }[]
  }>('tokenizers.json')
  const { texts, cases } = await fixture<{ texts: string[]; cases: Case[] }>('tokenizer-cases.json')

  it.each(recorded.cases)(
    'equals the recorded $tokenizer at $context_length',
    async ({ tokenizer, context_length, clean, texts, ids }) => {
      const loaded = await load(tokenizer, { context_length, clean })
      expect(loaded.encode(texts).map((row) => [...row])).toEqual(ids)
    },
  )

  it.each(cases)('equals the reference: $tokenizer $config $clean $contextLength', async (one) => {
    const { tokenizer, config, clean, contextLength, stripSepToken, padId, rows } = one
    const loaded = await load(
      tokenizer,
      { context_length: contextLength, clean, strip_sep_token: stripSepToken },
      config,
    )
    rows.forEach((row, i) => {
      const want = [...row, ...new Array<number>(contextLength - row.length).fill(padId)]
      expect([...loaded.encode(texts[i]!)[0]!], JSON.stringify(texts[i])).toEqual(want)
    })
  })

  it('finds the tokenizer that the checkpoint names, as resolvePretrained does', async () => {
    const found = await TextTokenizer.fromPretrained(checkpoint({ tokenizer_name: '../unigram' }))
    expect(found.encode(['sign', 'photo']).map((row) => row.length)).toEqual([12, 12])
    expect(found.vocabSize).toBe(91)

    const folder = await mkdtemp(join(tmpdir(), 'ps3-tokenizer-'))
    try {
      const settings = { tokenizer_name: relative(folder, fileURLToPath(new URL('bpe', fixtures))) }
      await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(settings))
      const tokenizer = await TextTokenizer.fromPretrained(await resolvePretrained(folder))
      expect([tokenizer.contextLength, tokenizer.clean, tokenizer.padId]).toEqual([77, 'whitespace', 0])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('takes special tokens from special_tokens_map.json when the config is an old one', async () => {
    const files = place('unigram', {
      'tokenizer_config.json': { model_max_length: 64 },
      'special_tokens_map.json': { pad_token: { content: '<pad>' } },
    })
    const tokenizer = await TextTokenizer.fromPretrained(checkpoint({ tokenizer_name: 'x' }), {
      tokenizer: files,
    })
    expect(tokenizer.padId).toBe(0)
  })

  it('takes one text or many, at the length asked for', async () => {
    const tokenizer = await load('bpe')
    const [eos] = tokenizer.encode('', { contextLength: 1 })
    expect([...eos!]).toEqual([1])
    expect(tokenizer.encode([])).toEqual([])
    expect(tokenizer.encode('the sign', { contextLength: 5 })[0]!.length).toBe(5)
  })

  it.each<[string, unknown, string]>([
    ['a number', 7, 'text must be a string, not number'],
    ['null', null, 'text must be a string, not null'],
  ])('refuses %s as a text', async (_, text, message) => {
    const tokenizer = await load('bpe')
    expect(() => tokenizer.encode([text as string])).toThrow(InvalidArgumentError)
    expect(() => tokenizer.encode([text as string])).toThrow(message)
  })

  it.each([0, -3, 2.5, Number.NaN])('refuses context length %s', async (contextLength) => {
    const tokenizer = await load('bpe')
    expect(() => tokenizer.encode('a', { contextLength })).toThrow(`at least 1`)
    expect(() => tokenizer.encode('a', { contextLength })).toThrow(InvalidArgumentError)
  })

  it('refuses a context length that the special tokens do not fit into, or that nobody named', async () => {
    const both = { tokenizer_class: 'GemmaTokenizer', add_eos_token: true }
    const tokenizer = await load('bpe', { context_length: null }, both)
    expect(() => tokenizer.encode('a', { contextLength: 1 })).toThrow('at least 2')
    expect(() => tokenizer.encode('a')).toThrow('not null')
  })
})

describe('what is wrong with a tokenizer', () => {
  const named = { tokenizer_name: 'owner/name' }
  const unigram = (over: Record<string, unknown>) => ({ tokenizer: place('unigram', over) })
  const table: [
    string,
    TokenizerFiles,
    { tokenizer?: TokenizerFiles },
    typeof CheckpointError | typeof ConfigError,
    string,
  ][] = [
    [
      'no tokenizer_config.json',
      place('model'),
      {},
      CheckpointError,
      'There is no tokenizer_config.json in model',
    ],
    [
      'no tokenizer.json',
      checkpoint(named),
      {},
      CheckpointError,
      'There is no tokenizer.json in model/owner/name',
    ],
    [
      'an unreachable one',
      checkpoint({ tokenizer_name: 'http://nowhere' }),
      {},
      CheckpointError,
      'or pass the folder',
    ],
    ['no tokenizer_name', checkpoint({}), {}, ConfigError, 'tokenizer_name'],
    ['unknown cleaning', checkpoint({ ...named, clean: 'upper' }), {}, ConfigError, 'clean'],
    ['length 0', checkpoint({ ...named, context_length: 0 }), {}, ConfigError, 'context_length'],
    [
      'a language token',
      checkpoint({ ...named, language: 'fra_Latn' }),
      unigram({ 'tokenizer_config.json': { tokenizer_class: 'NllbTokenizer' } }),
      ConfigError,
      'language "fra_Latn"',
    ],
    ['no model', checkpoint(named), unigram({ 'tokenizer.json': [] }), CheckpointError, 'no "model"'],
    [
      'an unknown model',
      checkpoint(named),
      unigram({ 'tokenizer.json': { model: { type: 'Runes' } } }),
      CheckpointError,
      'cannot be used',
    ],
    [
      'a broken charsmap',
      checkpoint(named),
      unigram({
        'tokenizer.json': {
          model: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0]] },
          normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAEAAAAA' },
        },
      }),
      CheckpointError,
      'announces a trie of 256 bytes but holds 6',
    ],
    [
      'no padding token',
      checkpoint(named),
      unigram({ 'tokenizer_config.json': {}, 'special_tokens_map.json': undefined }),
      CheckpointError,
      'pad_token null',
    ],
    [
      'a wrong side',
      checkpoint(named),
      unigram({ 'tokenizer_config.json': { pad_token: '<pad>', truncation_side: 'top' } }),
      CheckpointError,
      'truncation_side must be "left" or "right", not "top"',
    ],
  ]
  it.each(table)('%s', async (_, files, options, type, message) => {
    const error = await TextTokenizer.fromPretrained(files, options).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(type)
    expect((error as Error).message).toContain(message)
  })
})
