// Sequences of text and pictures, in plain arrays and as rows with gradients.
import { IGNORED, nextTokenLoss } from '@ps3js/language-model'
import { PictureBatch } from '@ps3js/ps3-encoder'
import { dispose, reshape, slice, Tape, type Tensor, tensorData, tidy, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../tools/test-support.ts'
import { picture, tinyAssistant } from '../../../tools/tiny-vila-hd.ts'
import {
  alignLabels,
  buildSequence,
  countRows,
  highResFeatures,
  lowResFeatures,
  questionRange,
  type VilaHd,
} from './index.ts'

const TAG = 9

describe('sequences', () => {
  it('cuts ids at tags, also at the ends and beside each other', () => {
    const cut = (ids: number[], pictures: number) => buildSequence(ids, { imageTokenId: TAG, pictures })
    expect(cut([1, TAG, 2, 3], 1)).toEqual([{ ids: [1] }, { picture: 0 }, { ids: [2, 3] }])
    expect(cut([TAG, TAG], 2)).toEqual([{ picture: 0 }, { picture: 1 }])
    expect(cut([4], 0)).toEqual([{ ids: [4] }])
    expect(() => cut([TAG], 2)).toThrow('1 picture tags for 2 pictures')
  })

  it('lays labels beside rows', () => {
    const segments = buildSequence([1, TAG, 2, 3], { imageTokenId: TAG, pictures: 1 })
    expect(countRows(segments, () => 4)).toBe(7)
    expect([...alignLabels(segments, [1, TAG, 2, IGNORED], () => 4)]).toEqual([
      1,
      ...[IGNORED, IGNORED, IGNORED, IGNORED],
      2,
      IGNORED,
    ])
    expect(() => alignLabels(segments, [1, 2], () => 4)).toThrow('2 labels for 4 token ids')
  })

  it('finds where the last question lies', () => {
    const range = (ids: number[], promptEndIds: number[]) =>
      questionRange(ids, { imageTokenId: TAG, promptEndIds })
    expect(range([1, 5, 6, 2, 5, 6, 7], [5, 6])).toEqual([3, 4])
    expect(range([1, 5, 6, 1, TAG, 2, 3, 5, 6, 7], [5, 6])).toEqual([5, 7])
    expect(range([1, TAG, 5, 6, 7, TAG], [5, 6])).toEqual([2, 2])
    expect(range([1, 2], [5, 6])).toEqual([0, 2])
    expect(range([TAG, 2], [])).toEqual([1, 2])
  })
})

describe('gradients', () => {
  let model: VilaHd

  beforeAll(async () => {
    await useBackend('wasm')
    model = tinyAssistant().model
    return () => model.dispose()
  })

  /** Two sequences in one packed pass, with pictures of one look and of two. */
  function loss(): Tensor {
    const { vision_tower, llm, mm_projector, config } = model
    const { vision, trunk } = vision_tower.config
    const images = [picture(1), picture(2)]
    return tidy(() => {
      const pictures = new PictureBatch(
        images,
        vision.ps3_scales,
        trunk.patch_size,
        vision_tower.normalization,
      )
      const seen = lowResFeatures(vision_tower, pictures, model.featureLayer)
      const low = mm_projector.lowRes(seen.features, pictures.sizes[0]!.grid)
      // Complete blocks of 2 x 2 at both scales, the second look's beside the first's.
      const look = (shift: number) => ({
        indices: [Int32Array.of(shift, shift + 1, shift + 8, shift + 9), Int32Array.of(shift)],
      })
      const looks = [images.map(() => look(0)), images.map(() => look(2))]
      const high = highResFeatures(vision_tower, pictures, looks, seen.keysValues, model.featureLayer)
      const grids = pictures.sizes.slice(1).map(({ grid }) => grid)
      const indices = [Int32Array.of(0, 1, 2, 3, 8, 9, 10, 11), Int32Array.of(0, 2)]
      const rows = (x: Tensor, i: number) => slice(x, [i, 0, 0], [1, -1, -1])
      const tokens = images.map((_, i) => {
        const own = rows(low, i)
        const features = rows(high, i)
        const made = mm_projector.highRes(reshape(features, features.shape.slice(1)), { grids, indices }, own)
        return { low: reshape(own, own.shape.slice(1)), high: made.tokens }
      })
      const one = buildSequence([1, config.imageTokenId, 2, 3], {
        imageTokenId: config.imageTokenId,
        pictures: 1,
      })
      const two = [{ ids: [4] }, { picture: 1 }, { ids: [5, 6] }]
      const labels = [one, two].map((segments) =>
        alignLabels(segments, [IGNORED, IGNORED, 7, 8], (i) => model.pictureRows(tokens[i]!)),
      )
      const parts = labels.map(({ length }) => ({ length }))
      const { last } = llm.forward(model.embedSequence([...one, ...two], tokens), parts)
      return nextTokenLoss(llm, last, labels)
    })
  }

  it('reach every part through packed sequences, as finite differences say', async () => {
    const wanted = [
      'vision_tower.vision_model.trunk.blocks.0.attn.qkv.weight',
      'mm_projector.layers.4.weight',
      'mm_projector.high_res_scale_embed.1',
      'llm.model.embed_tokens.weight',
    ]
    const parameters = new Map(model.namedParameters())
    await expectNoLeak(async () => {
      const tape = new Tape()
      const y = tape.record(loss)
      const gradients = tape.gradients(
        [{ y }],
        wanted.map((name) => parameters.get(name)!.value),
      )
      for (const [i, name] of wanted.entries()) {
        const gradient = await tensorData(gradients[i]!)
        const at = gradient.reduce(
          (best, value, j) => (Math.abs(value) > Math.abs(gradient[best]!) ? j : best),
          0,
        )
        const parameter = parameters.get(name)!
        const before = ((await tensorData(parameter.value)) as Float32Array).slice()
        const at_ = async (step: number) => {
          const moved = before.slice()
          moved[at]! += step
          parameter.set(moved)
          const value = loss()
          const [data] = await tensorData(value)
          value.dispose()
          return data!
        }
        const step = 2e-3
        const difference = ((await at_(step)) - (await at_(-step))) / (2 * step)
        parameter.set(before)
        // Losses near 5 in float32 leave about 1e-3 of noise in a difference over 4e-3.
        expect(Math.abs(difference - gradient[at]!), name).toBeLessThan(2e-3 + 0.02 * Math.abs(difference))
      }
      dispose([y, ...gradients.filter((gradient) => gradient !== null)])
    })
  })

  it('says which picture is missing', () => {
    expect(() => model.embedSequence([{ picture: 1 }], [])).toThrow('names picture 1 of 0')
  })
})
