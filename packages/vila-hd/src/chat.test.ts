// Conversations: what is said is what the template and the pictures make of it, and stays as it was when nothing came of it.
import { TextTokenizer } from '@ps3js/language-model'
import { useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { byteTokenizer, picture, tinyAssistant } from '../../../tools/tiny-vila-hd.ts'
import { type PictureAssistant, PictureChat, PictureReader, questionRange } from './index.ts'

describe('a conversation', () => {
  let assistant: PictureAssistant

  beforeAll(async () => {
    await useBackend('wasm')
    assistant = tinyAssistant({ maxPositions: 1024 })
  })
  afterAll(() => assistant.dispose())

  it('goes over several turns and pictures, with the same answers as without what was kept', async () => {
    await expectNoLeak(async () => {
      using chat = assistant.chat({ system: 'Be brief.' })
      const options = { maxTokens: 5 }
      const first = await chat.answer(['Look: ', picture(1, 90, 70), 'what is it?'], options)
      const second = await chat.answer(['And this? ', picture(2)], options)
      const third = await chat.answer('Which is larger?', options)
      expect(chat.messages).toEqual([
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Look: <image>what is it?' },
        { role: 'assistant', content: first },
        { role: 'user', content: 'And this? <image>' },
        { role: 'assistant', content: second },
        { role: 'user', content: 'Which is larger?' },
        { role: 'assistant', content: third },
      ])

      using reader = new PictureReader(assistant.model)
      const ids = assistant.tokenizer.encodeChat(chat.messages.slice(0, -1))
      const pictures = [picture(1, 90, 70), picture(2)].map((image) => ({
        image: assistant.processor.process(image),
        originalSize: image,
      }))
      const again: number[] = []
      for await (const { id } of reader.answer({ ids, pictures }, options)) again.push(id)
      expect(assistant.tokenizer.decode(again)).toBe(third)
    })
  })

  it('gives text in pieces, ends at a stop string, and says why it ended', async () => {
    using chat = assistant.chat()
    const pieces = []
    for await (const piece of chat.ask([picture(1), 'what?'], { maxTokens: 8 })) pieces.push(piece)
    expect(pieces.at(-1)!.finish).toBe('length')
    expect(pieces).toHaveLength(8)
    const whole = pieces.map(({ text }) => text).join('')
    const stop = whole.slice(2, 4)
    const stopped = []
    using other = assistant.chat()
    for await (const piece of other.ask([picture(1), 'what?'], { maxTokens: 8, stop: [stop] }))
      stopped.push(piece)
    expect(stopped.map(({ text }) => text).join('')).toBe(whole.slice(0, whole.indexOf(stop)))
    expect(stopped.at(-1)!.finish).toBe('stop')
  })

  it('is as it was before a question whose answer was not read to its end', async () => {
    await expectNoLeak(async () => {
      using chat = assistant.chat()
      const before = await chat.answer([picture(1), 'what?'], { maxTokens: 3 })
      for await (const _ of chat.ask(['and ', picture(2)], { maxTokens: 3 })) break
      const signal = AbortSignal.abort(new Error('stopped'))
      await expect(chat.answer('why?', { signal })).rejects.toThrow('stopped')
      await expect(chat.answer('an <image> too many')).rejects.toThrow('2 picture tags for 1 pictures')
      expect(chat.messages.map(({ content }) => content)).toEqual(['<image>what?', before])
      await chat.answer('still there?', { maxTokens: 2 })
      expect(chat.messages).toHaveLength(4)
    })
  })

  it('goes on after an answer that spells the tag of a picture', async () => {
    class Odd extends TextTokenizer {
      override decode = (ids: readonly number[]) => 'so <image> '.repeat(ids.length)
    }
    const { model, processor, stopIds } = assistant
    using chat = new PictureChat({ model, processor, stopIds, tokenizer: new Odd(byteTokenizer()) })
    expect(await chat.answer([picture(1), 'what?'], { maxTokens: 1 })).toContain('<image>')
    expect(chat.messages.at(-1)!.content).not.toContain('<image>')
    await chat.answer('and?', { maxTokens: 1 })
    expect(chat.messages).toHaveLength(4)
  })

  it('steers by a later question alone, not by the answer before it', () => {
    const { model, tokenizer } = assistant
    const turns = ['<image>red?', 'A long answer', 'and blue?'].map((content, i) => ({
      role: i % 2 ? 'assistant' : 'user',
      content,
    }))
    const ids = tokenizer.encodeChat(turns)
    expect(tokenizer.decode(ids.slice(...questionRange(ids, model.config)))).toBe('and blue?')
  })

  it('takes boxes in pixels of the picture as it was given', async () => {
    using chat = assistant.chat()
    let indices: readonly Int32Array[] = []
    await chat.answer([picture(1, 640, 320), '?'], {
      maxTokens: 1,
      look: { within: [[320, 160, 640, 320]] },
      onLooks: ([look]) => {
        indices = look!.selection.indices
      },
    })
    // The lower right quarter of an 8 x 8 grid.
    expect([...indices[0]!]).toEqual([36, 37, 38, 39, 44, 45, 46, 47, 52, 53, 54, 55, 60, 61, 62, 63])
  })
})
