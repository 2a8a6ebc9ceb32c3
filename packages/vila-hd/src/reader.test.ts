// Two-pass answers: what is kept changes nothing, and every control does what it says.
import { useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../tools/backends.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { picture, type TinyOptions } from '../../../tools/tiny-vila-hd.ts'
import { type AnswerOptions, type PictureLook, PictureReader, type VilaHd } from './index.ts'
import { answer, image, tiny } from './reader.fixture.ts'

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
