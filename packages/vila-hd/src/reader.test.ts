// Two-pass answers: what is kept changes nothing, every control does what it says, and whatever stops leaves nothing behind.
import { memory, useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../tools/backends.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { picture, type TinyOptions, tinyAssistant } from '../../../tools/tiny-vila-hd.ts'
import {
  type AnswerOptions,
  type AnswerStage,
  type PictureLook,
  PictureReader,
  type VilaHd,
} from './index.ts'

const made: { dispose(): void }[] = []

function tiny(options?: TinyOptions) {
  const assistant = tinyAssistant(options)
  made.push(assistant)
  const ask = (text: string) => assistant.tokenizer.encodeChat([{ role: 'user', content: text }])
  return { model: assistant.model, ask }
}

afterAll(() => {
  for (const one of made) one.dispose()
})

async function answer(
  reader: PictureReader,
  question: Parameters<PictureReader['answer']>[0],
  options: AnswerOptions = {},
) {
  const ids: number[] = []
  let looks: readonly PictureLook[] = []
  let read = 0
  const watching: AnswerOptions = {
    maxTokens: 6,
    ...options,
    onLooks: async (all) => {
      looks = all
      await options.onLooks?.(all)
    },
    onProgress: (progress) => {
      if (progress.read === progress.total) read += progress.total
    },
  }
  for await (const { id } of reader.answer(question, watching)) ids.push(id)
  return { ids, looks, read }
}

const image = picture(1)

for (const [backend, describeBackend] of BACKENDS) {
  describeBackend(`two passes on ${backend}`, () => {
    let model: VilaHd
    let ask: (text: string) => number[]

    beforeAll(async () => {
      await useBackend(backend)
      ;({ model, ask } = tiny())
    })

    it('the second pass goes on after the low-res tokens, with the same result as from the beginning', async () => {
      const question = { ids: ask('<image>what is it?'), pictures: [{ image }] }
      const [kept, anew] = await expectNoLeak(async () => {
        using reader = new PictureReader(model)
        using other = new PictureReader(model)
        return [
          await answer(reader, question),
          await answer(other, question, { onLooks: () => other.forget() }),
        ] as const
      })
      expect(kept.ids).toEqual(anew.ids)
      // The text before the picture and its 4 low-res tokens.
      expect(anew.read - kept.read).toBe(question.ids.indexOf(model.config.imageTokenId) + 4)
    })

    it('a question about the same picture reads what is new only; another question looks elsewhere', async () => {
      await expectNoLeak(async () => {
        using reader = new PictureReader(model)
        using fresh = new PictureReader(model)
        const first = await answer(reader, { ids: ask('<image>one?'), pictures: [{ image }] })
        const second = { ids: ask('<image>quite another!'), pictures: [{ image }] }
        const kept = await answer(reader, second)
        const anew = await answer(fresh, second)
        expect(kept.ids).toEqual(anew.ids)
        expect(kept.read).toBeLessThan(anew.read)
        expect(first.looks[0]!.selection).not.toEqual(kept.looks[0]!.selection)
        expect(kept.looks[0]!.selection).toEqual(anew.looks[0]!.selection)
      })
    })

    it('answers about several pictures, in the order of their tags', async () => {
      await expectNoLeak(async () => {
        using reader = new PictureReader(model)
        const other = picture(2)
        const ids = ask('<image>left, <image>right: which?')
        const { ids: ab, looks } = await answer(reader, { ids, pictures: [{ image }, { image: other }] })
        const { ids: ba } = await answer(reader, { ids, pictures: [{ image: other }, { image }] })
        expect(looks.map((look) => look.picture)).toEqual([0, 1])
        expect(ab).not.toEqual(ba)
      })
    })

    it('answers from the low-res tokens without a look, and from text without a picture', async () => {
      await expectNoLeak(async () => {
        using reader = new PictureReader(model)
        const question = { ids: ask('<image>what?'), pictures: [{ image }] }
        const none = await answer(reader, question, { look: { looks: 0 } })
        expect(none.looks).toEqual([])
        expect(none.ids).toHaveLength(6)
        const looked = await answer(reader, question)
        expect(none.ids).not.toEqual(looked.ids)
        // Nobody needs to watch for it to look.
        const unwatched: number[] = []
        for await (const { id } of reader.answer(question, { maxTokens: 6 })) unwatched.push(id)
        expect(unwatched).toEqual(looked.ids)
        expect((await answer(reader, { ids: ask('hello'), pictures: [] })).ids).toHaveLength(6)
      })
    })
  })
}

describe('controls', () => {
  beforeAll(() => useBackend('wasm'))

  const patches = ({ selection }: PictureLook) => selection.indices.map(({ length }) => length)

  async function look(options: AnswerOptions['look'], config?: TinyOptions['config'], shown = { image }) {
    const { model, ask } = tiny({ config })
    using reader = new PictureReader(model)
    return (await answer(reader, { ids: ask('<image>?'), pictures: [shown] }, { look: options })).looks[0]!
  }

  it('takes looks, tokens and shares per scale from the options, else from the configuration', async () => {
    expect(patches(await look({}))).toEqual([16, 64])
    expect(patches(await look({}, { looks: 2 }))).toEqual([32, 128])
    expect(patches(await look({}, { tokens: 40 }))).toEqual([8, 32])
    expect(patches(await look({ tokens: 20 }, { looks: 3 }))).toEqual([4, 16])
    expect(patches(await look({ budget: [30, 10] }))).toEqual([30, 10])
    expect(patches(await look({ budget: 50 }))).toEqual([10, 40])
    expect((await look({ looks: 3 })).looks).toHaveLength(3)
    expect(patches(await look({ looks: 'all' }))).toEqual([64, 256])
  })

  it('takes as many patches as cover a share, and only those inside a box of the original picture', async () => {
    expect(patches(await look({ coverage: 0.2 })).every((count) => count > 0 && count < 64)).toBe(true)
    const shown = { image, originalSize: { width: 640, height: 640 } }
    // As much where it is asked for of this picture alone.
    const all = patches(await look({ coverage: 0.9 }))
    expect(all.reduce((a, b) => a + b)).toBeGreaterThan(80)
    expect(patches(await look({ perPicture: [{ coverage: 0.9 }] }))).toEqual(all)
    const inside = await look({ within: [[0, 0, 160, 320]], looks: 1 }, {}, shown)
    expect(patches(inside)).toEqual([8, 32])
    expect(Math.max(...inside.selection.indices[0]!.map((index) => index % 8))).toBe(1)
    expect(Math.max(...inside.selection.indices[1]!.map((index) => Math.floor(index / 16)))).toBe(7)
    const { model, ask } = tiny()
    using reader = new PictureReader(model)
    const pictures = [{ image }, { image: picture(2) }]
    const perPicture = [{}, { within: [[0, 0, 8, 8]] as const }]
    const { looks } = await answer(reader, { ids: ask('<image><image>'), pictures }, { look: { perPicture } })
    expect(looks.map((one) => patches(one).reduce((a, b) => a + b))).toEqual([80, 5])
  })

  it('goes by the picture alone after-image, and smooths whole regions', async () => {
    const byPicture = await look({ mode: 'after-image' })
    expect(byPicture.probabilities.topDown).toBeNull()
    expect((await look({})).probabilities.topDown).not.toBeNull()
    expect((await look({}, { lookMode: 'after-image' })).selection).toEqual(byPicture.selection)
    expect((await look({ smooth: 2 })).selection).not.toEqual((await look({})).selection)
  })

  it('encodes the same patches once', async () => {
    const { model, ask } = tiny({ config: { lookMode: 'after-image' } })
    using reader = new PictureReader(model)
    const stages: string[] = []
    const options: AnswerOptions = { onStage: ({ stage }) => void stages.push(stage) }
    await answer(reader, { ids: ask('<image>one'), pictures: [{ image }] }, options)
    expect(stages).toEqual(['low-res', 'selection', 'choice', 'high-res'])
    const again = await answer(reader, { ids: ask('<image>two'), pictures: [{ image }] }, options)
    expect(stages.slice(4)).toEqual(['choice'])
    // Only the question differs: pictures and what is before them were read.
    expect(again.read).toBeLessThan('two<|im_end|>\n<|im_start|>assistant\n'.length)
  })

  it('leaves the finest scale out for pictures that are not large enough, in models beyond 2000 px', async () => {
    const { planPictures } = await import('./look.ts')
    const { config } = tiny().model
    const grids = [54, 108, 270].map((side) => ({ height: side, width: side }))
    const scales = (side: number, ps3Scales: number[], dynamicAspectRatio = true, look = {}) =>
      planPictures(
        [{ grids: grids.slice(0, ps3Scales.length - 1), imageSize: { width: side, height: 100 } }],
        look,
        { ...config, dynamicAspectRatio },
        { budget: [10, 10, 10].slice(0, ps3Scales.length - 1), scales: ps3Scales },
      )![0]!.firstScales
    // (1512 + 3780) / 2 = 2646
    expect(scales(2646, [378, 756, 1512, 3780])).toBe(2)
    expect(scales(2647, [378, 756, 1512, 3780])).toBeUndefined()
    expect(scales(100, [378, 756, 1512])).toBeUndefined()
    expect(scales(100, [378, 756, 1512, 3780], false)).toBeUndefined()
    // What is left open does not hide it, and what is asked for wins.
    for (const open of [{ firstScales: undefined }, { perPicture: [{ firstScales: undefined }] }])
      expect(scales(100, [378, 756, 1512, 3780], true, open)).toBe(2)
    expect(scales(100, [378, 756, 1512, 3780], true, { firstScales: 3 })).toBe(3)
  })
})

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
