// What is refused before any work, and what ends an answer on the way to it, leave nothing behind.
import { memory, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../tools/test-support.ts'
import type { TinyOptions } from '../../../tools/tiny-vila-hd.ts'
import { type AnswerOptions, type AnswerStage, PictureReader } from './index.ts'
import { answer, image, tiny } from './reader.fixture.ts'

describe('what is refused', () => {
  beforeAll(() => useBackend('wasm'))

  async function refused(
    options: TinyOptions,
    text: string,
    pictures: number,
    answering: AnswerOptions = {},
  ): Promise<string> {
    const { model, ask } = tiny(options)
    using reader = new PictureReader(model)
    const stages: string[] = []
    const shown = Array.from({ length: pictures }, () => ({ image }))
    const working = { ...answering, onStage: () => void stages.push('work') }
    const error = await expectNoLeak(() =>
      answer(reader, { ids: ask(text), pictures: shown }, working).then(
        () => new Error('was not refused'),
        (error: Error) => error,
      ),
    )
    expect(stages).toEqual([])
    return `${error.name}: ${error.message}`
  }

  it('tags and pictures that do not match', async () => {
    expect(await refused({}, '<image>what?', 0)).toMatch(/InvalidArgument.*1 picture tags for 0 pictures/)
    expect(await refused({}, 'what?', 1)).toMatch(/0 picture tags for 1 pictures/)
    expect(await refused({}, '<image><image>what?', 1)).toMatch(/2 picture tags for 1 pictures/)
  })

  it('what does not fit into the context, before work starts and with all numbers', async () => {
    // 20 high-res tokens of 80 patches.
    const message = await refused({ maxPositions: 48 }, '<image>what?', 1)
    expect(message).toMatch(
      /InvalidArgument.*\d+ tokens of text, 4 of pictures at low resolution, up to 20 of closer looks and up to 6 of answer are \d+, more than the 48 positions.*look less closely \(at most \d+ high-res tokens/,
    )
    expect(
      await refused({ maxPositions: 48 }, `<image>${'long '.repeat(20)}`, 1, { look: { looks: 0 } }),
    ).toMatch(/up to 0 of closer looks.*fewer pictures, a shorter text/)
  })

  it('more than fits by coverage alone, before any of it is looked at', async () => {
    const { model, ask } = tiny({ maxPositions: 48 })
    using reader = new PictureReader(model)
    const stages: string[] = []
    const asked = { look: { coverage: 0.9 }, onStage: ({ stage }: AnswerStage) => void stages.push(stage) }
    await expect(answer(reader, { ids: ask('<image>what?'), pictures: [{ image }] }, asked)).rejects.toThrow(
      /up to (5|6|7)\d of closer looks.*more than the 48 positions.*look less closely \(at most \d+ high-res tokens/,
    )
    expect(stages).toContain('choice')
    expect(stages).not.toContain('high-res')
  })

  it('a question that shall steer a model without a prompt head', async () => {
    expect(await refused({ promptHead: null }, '<image>what?', 1)).toMatch(
      /Config.*top_down_prompt_head.*after-image/,
    )
  })

  it('options out of range', async () => {
    expect(await refused({}, '<image>what?', 1, { look: { looks: 1, tokens: 5 } })).toMatch(
      /looks is 1 and tokens is 5/,
    )
    expect(await refused({}, '<image>what?', 1, { look: { perPicture: [{}, {}] } })).toMatch(
      /2 entries for 1/,
    )
    expect(await refused({}, '<image>what?', 1, { look: { looks: -1 } })).toMatch(/looks/)
    for (const [answering, message] of [
      [{ maxTokens: 1.5 }, /maxTokens is 1.5/],
      [{ temperature: -1 }, /temperature is -1/],
      [{ topP: 2 }, /topP is 2/],
      [{ look: { coverage: 2 } }, /coverage is 2/],
      [{ look: { smooth: -2 } }, /smooth is -2/],
      [{ look: { minProbability: 7 } }, /minProbability is 7/],
      [{ look: { include: [[900, 900, 999, 999]] } }, /outside/],
      [{ look: { coverage: 0.5, firstScales: 9 } }, /firstScales is 9/],
      [{ look: { mode: 'after_prompt' as never } }, /look.mode is after_prompt; there are after-prompt and/],
    ] as [AnswerOptions, RegExp][])
      expect(await refused({}, '<image>what?', 1, answering)).toMatch(message)
  })

  it('a second question while the first is being answered', async () => {
    const { model, ask } = tiny()
    using reader = new PictureReader(model)
    const question = { ids: ask('<image>what?'), pictures: [{ image }] }
    for await (const _ of reader.answer(question, { maxTokens: 2 })) {
      await expect(answer(reader, question)).rejects.toThrow(/still answering/)
      break
    }
    expect((await answer(reader, question)).ids).toHaveLength(6)
  })
})

describe('what goes wrong on the way', () => {
  beforeAll(() => useBackend('wasm'))

  it('weights that are not finite end in an error in either pass', async () => {
    const { model, ask } = tiny()
    const poison = (values: Float32Array) => values.fill(Number.NaN)
    const places = { mm_projector: 'layers.1.weight', llm: 'layers.0', vision_tower: 'trunk.blocks.0' }
    for (const part of ['mm_projector', 'llm', 'vision_tower'] as const) {
      const named = [...model[part].namedParameters()]
      const [, parameter] = named.find(([name]) => name.includes(places[part]))!
      const before = (await parameter.value.data()) as Float32Array
      parameter.set(poison(before.slice()))
      for (const looks of [0, 1]) {
        await expectNoLeak(async () => {
          using reader = new PictureReader(model)
          const question = { ids: ask('<image>what?'), pictures: [{ image }] }
          await expect(answer(reader, question, { look: { looks } })).rejects.toThrow(/not finite/)
        })
      }
      parameter.set(before.slice())
    }
  })

  it('an abort at any moment frees everything, and the next answer is right', async () => {
    const { model, ask } = tiny()
    const question = { ids: ask('<image>a longer question, in chunks?'), pictures: [{ image }] }
    using whole = new PictureReader(model)
    const { ids: right } = await answer(whole, question)
    const moments: [string, (stop: () => void) => AnswerOptions][] = [
      ['after the low-res pass', (stop) => ({ onStage: ({ stage }) => stage === 'selection' && stop() })],
      ['in the first pass', (stop) => ({ chunkTokens: 8, onProgress: stop })],
      ['before the closer look', (stop) => ({ onStage: ({ stage }) => stage === 'choice' && stop() })],
      ['between the passes', (stop) => ({ onLooks: stop })],
    ]
    for (const [moment, options] of moments) {
      using reader = new PictureReader(model)
      await expectNoLeak(async () => {
        using stopped = new PictureReader(model)
        const aborting = new AbortController()
        const run = async (one: PictureReader) => {
          const all = options(() => aborting.abort(new Error(moment)))
          for await (const _ of one.answer(question, { maxTokens: 6, signal: aborting.signal, ...all }));
        }
        await expect(run(stopped), moment).rejects.toThrow(moment)
        expect((await answer(stopped, question)).ids).toEqual(right)
      })
      expect((await answer(reader, question)).ids).toEqual(right)
    }
    // In the second pass: the first one's rows are not reported twice.
    await expectNoLeak(async () => {
      using reader = new PictureReader(model)
      const aborting = new AbortController()
      let passes = 0
      const options: AnswerOptions = {
        maxTokens: 6,
        chunkTokens: 8,
        signal: aborting.signal,
        onLooks: () => void passes++,
        onProgress: () => passes > 0 && aborting.abort(new Error('second pass')),
      }
      const run = async () => {
        for await (const _ of reader.answer(question, options));
      }
      await expect(run()).rejects.toThrow('second pass')
      expect((await answer(reader, question)).ids).toEqual(right)
    })
  })

  it('a watcher that throws at any stage leaves nothing behind', async () => {
    const { model, ask } = tiny()
    const question = { ids: ask('<image>what?'), pictures: [{ image }] }
    for (const at of ['low-res', 'selection', 'question', 'choice', 'high-res']) {
      await expectNoLeak(async () => {
        using reader = new PictureReader(model)
        const onStage = ({ stage }: AnswerStage) => {
          if (stage === at) throw new Error(`stopped at ${at}`)
        }
        await expect(answer(reader, question, { onStage })).rejects.toThrow(`stopped at ${at}`)
      })
    }
  })

  it('a reader that was disposed does not go on', async () => {
    const { model, ask } = tiny()
    const question = { ids: ask('<image>what?'), pictures: [{ image }] }
    await expectNoLeak(async () => {
      const reader = new PictureReader(model)
      const tokens = reader.answer(question)
      await tokens.next()
      reader.dispose()
      await expect(tokens.next()).rejects.toThrow('was disposed while it answered')
    })
  })

  it('a text without pictures needs no prompt head', async () => {
    const { model, ask } = tiny({ promptHead: null })
    using reader = new PictureReader(model)
    expect((await answer(reader, { ids: ask('what?'), pictures: [] })).ids).toHaveLength(6)
  })

  it('an answer that is not read to its end leaves nothing beyond what is kept', async () => {
    const { model, ask } = tiny()
    const before = memory().numTensors
    const reader = new PictureReader(model)
    for await (const _ of reader.answer({ ids: ask('<image>?'), pictures: [{ image }] })) break
    reader.dispose()
    expect(memory().numTensors).toBe(before)
  })
})
