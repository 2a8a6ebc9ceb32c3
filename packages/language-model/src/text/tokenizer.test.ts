// Ids, decoded texts and rendered chats against transformers, and text that comes in pieces.
import { readFile } from 'node:fs/promises'
import { resolvePretrained } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { folderOf } from '../recorded.fixture.ts'
import { StreamDecoder } from './stream-decoder.ts'
import { type ChatMessage, TextTokenizer } from './tokenizer.ts'
import { readTokenizerJson, withSpecialToken } from './tokenizer-files.ts'

interface Cases {
  texts: { text: string; ids: number[]; decoded: string; decoded_skip: string }[]
  chats: { messages: ChatMessage[]; add_generation_prompt: boolean; text: string; ids: number[] }[]
}

const folder = folderOf('tokenizer')
const { texts, chats } = JSON.parse(await readFile(`${folder}/cases.json`, 'utf8')) as Cases
const tokenizer = await TextTokenizer.fromPretrained(await resolvePretrained(folder))

describe('as transformers does', () => {
  it.each(texts)('encodes and decodes $text', ({ text, ids, decoded, decoded_skip }) => {
    expect(tokenizer.encode(text)).toEqual(ids)
    expect(tokenizer.decode(ids, { specialTokens: true })).toBe(decoded)
    expect(tokenizer.decode(ids)).toBe(decoded_skip)
  })

  it.each(chats)('renders chats', ({ messages, add_generation_prompt: addGenerationPrompt, text, ids }) => {
    expect(tokenizer.renderChat(messages, { addGenerationPrompt })).toBe(text)
    expect(tokenizer.encodeChat(messages, { addGenerationPrompt })).toEqual(ids)
  })

  it('names the token that ends a turn', () => expect(tokenizer.eosId).toBe(tokenizer.idOf('<|im_end|>')))
})

describe('added tokens', async () => {
  const json = await readTokenizerJson(await resolvePretrained(folder))
  const last = tokenizer.idOf('<|im_end|>')! + 100
  const flags = { lstrip: false, rstrip: false, normalized: false, single_word: false, special: true }

  it('that only the configuration names are tokens, as transformers reads it', () => {
    const config = {
      ...(json.config as object),
      added_tokens_decoder: { [last]: { content: '<think>', ...flags } },
    }
    const whole = new TextTokenizer({ ...json, config })
    const [a] = tokenizer.encode('a')
    const [b] = tokenizer.encode('b')
    expect(whole.encode('a<think>b')).toEqual([a, last, b])
    // One more goes behind them.
    expect(new TextTokenizer(withSpecialToken({ ...json, config }, '<new>')).idOf('<new>')).toBe(last + 1)
  })

  it('come behind all others, are never split, and are added once', () => {
    const more = withSpecialToken(json, '<new>')
    const whole = new TextTokenizer(more)
    const id = whole.idOf('<new>')!
    expect(tokenizer.decode([id], { specialTokens: true })).toBe('')
    expect(tokenizer.decode([id - 1], { specialTokens: true })).not.toBe('')
    expect(whole.encode('a<new>')).toEqual([...tokenizer.encode('a'), id])
    expect(whole.decode([id])).toBe('')
    expect(withSpecialToken(more, '<new>')).toBe(more)
  })
})

describe('what cannot be used', () => {
  it('says what is wrong', () => {
    expect(() => new TextTokenizer({ tokenizer: {}, config: {} })).toThrow('no "model"')
    expect(
      () => new TextTokenizer({ tokenizer: { model: { type: 'BPE', vocab: {}, merges: 7 } }, config: {} }),
    ).toThrow('cannot be used')
    expect(() => new TextTokenizer({ tokenizer: {}, config: { chat_template: 7 } })).toThrow('chat_template')
  })

  it('needs a template for chats, and messages that fit it', async () => {
    const json = JSON.parse(await readFile(`${folder}/tokenizer.json`, 'utf8')) as unknown
    expect(() => new TextTokenizer({ tokenizer: json, config: {} }).renderChat([])).toThrow(
      'no chat template',
    )
    const strict = "{{ raise_exception('only users') }}"
    const refusing = new TextTokenizer({ tokenizer: json, config: {}, chatTemplate: strict })
    expect(() => refusing.renderChat([{ role: 'tool', content: '' }])).toThrow('only users')
  })
})

describe('text in pieces', () => {
  const pieces = (ids: readonly number[], stops: string[] = []) => {
    const decoder = new StreamDecoder(tokenizer, stops)
    const given: string[] = []
    for (const id of ids) {
      given.push(decoder.push(id))
      if (decoder.stopped) break
    }
    return [...given, decoder.finish()]
  }

  it.each(texts)('adds up to the whole of $text', ({ ids, decoded_skip }) => {
    expect(pieces(ids).join('')).toBe(decoded_skip)
  })

  it('never gives part of a character', () => {
    const ids = tokenizer.encode('ab 😀 東')
    expect(ids.length).toBeGreaterThan(5)
    for (const piece of pieces(ids)) expect(piece).not.toContain('\ufffd')
  })

  it('gives the bytes of a broken character at the end', () => {
    const ids = tokenizer.encode('😀')
    expect(pieces(ids.slice(0, -1)).join('')).toBe(tokenizer.decode(ids.slice(0, -1)))
  })

  it.each([
    ['a stop string inside', 'The sign says OPEN. Then more', ['. The'], 'The sign says OPEN'],
    ['the first of several', 'one two three', ['three', 'two'], 'one '],
    ['one that only begins', 'abc STO', ['STOP'], 'abc STO'],
    ['none', 'abc', [], 'abc'],
  ])('ends before %s', (_, text, stops, wanted) => {
    expect(pieces(tokenizer.encode(text), stops).join('')).toBe(wanted)
  })
})
