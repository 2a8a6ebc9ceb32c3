// The encoder's interface on a small model with random weights: views, looks, choices, batches, and what it refuses.

import { memory, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import type { RgbImage } from '../image/index.ts'
import { parseConfig } from './config.ts'
import { PS3Encoder } from './ps3-encoder.ts'

const trunk = {
  patch_size: 14,
  grid: 4,
  width: 24,
  depth: 3,
  heads: 3,
  mlp_hidden: 48,
  attn_pool: { width: 24, heads: 3, mlp_ratio: 2 },
}
const config = parseConfig(
  {
    model_name: 'small',
    pool: 'map',
    ps3_scales: [56, 112, 224],
    select_based_on_layer: [0, 2],
    max_select_num: 40,
    highres_selection_module_hidden_dim: 8,
    highres_selection_module_out_dim: 8,
    highres_selection_module_depth: 1,
  },
  trunk,
)
const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

function picture(width: number, height: number, seed = 1): RgbImage {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => (Math.imul(i + seed, 2654435761) >>> 13) & 255,
  )
  return { width, height, data }
}

let encoder: PS3Encoder
beforeAll(async () => {
  await useBackend('cpu')
  encoder = new PS3Encoder({ config, normalization })
  encoder.initialize(7)
})

describe('encode', () => {
  it('equals a view that is asked the same', async () => {
    const image = picture(224, 224)
    const once = await encoder.encode(image, { looks: 2 })
    const view = await encoder.lowRes(image)
    const viaView = await view.encode({ looks: 2 })
    expect(once.tokens.shape).toEqual([1, 16 + 80, 24])
    expect(await viaView.tokens.data()).toEqual(await once.tokens.data())
    for (const owned of [once, viaView, view]) owned.dispose()
  })

  it('leaves no tensor behind, whatever the pictures', async () => {
    for (const [width, height] of [
      [224, 224],
      [200, 80],
      [1, 1],
    ] as const) {
      await expectNoLeak(async () =>
        (await encoder.encode([picture(width, height), picture(width, height, 2)])).dispose(),
      )
    }
  })

  it('takes all patches once, sorted by scale and place', async () => {
    const encoding = await encoder.encode(picture(224, 224), { looks: 'all' })
    expect(encoding.selections[0]!.indices.map((ids) => ids.length)).toEqual([64, 256])
    const maps = encoding.featureMaps()
    expect(maps.map((map) => map.shape)).toEqual([
      [1, 24, 4, 4],
      [1, 24, 8, 8],
      [1, 24, 16, 16],
    ])
    for (const map of maps) map.dispose()
    encoding.dispose()
  })

  it('works with nothing to look at', async () => {
    for (const options of [{ looks: 0 }, { minProbability: 1 }]) {
      const encoding = await encoder.encode(picture(224, 224), options)
      expect(encoding.tokens.shape).toEqual([1, 16, 24])
      encoding.dispose()
    }
  })
})

describe('a view', () => {
  it('gives disjoint looks one by one, and may be left early', async () => {
    const before = memory().numTensors
    const view = await encoder.lowRes(picture(224, 224))
    const seen: Int32Array[] = []
    for await (const look of view.looks({ looks: 3 })) {
      seen.push(look.selections[0]!.indices[1]!)
      look.tokens.dispose()
      if (seen.length === 2) break
    }
    expect(new Set([...seen[0]!, ...seen[1]!]).size).toBe(seen[0]!.length + seen[1]!.length)
    view.dispose()
    expect(memory().numTensors).toBe(before)
    await expect(view.encode()).rejects.toThrow(/disposed/)
  })

  it('stops when cancelled, between two blocks', async () => {
    const controller = new AbortController()
    const before = memory().numTensors
    const work = encoder.encode(picture(224, 224), { signal: controller.signal })
    setTimeout(() => controller.abort(), 1)
    await expect(work).rejects.toThrow(/abort/i)
    expect(memory().numTensors).toBe(before)
  })
})

describe('refusals', () => {
  it.each([
    ['pictures of two sizes', () => encoder.encode([picture(224, 224), picture(200, 224)]), /equally large/],
    ['an empty batch', () => encoder.encode([]), /at least one picture/],
    ['a layer that is not there', () => encoder.encode(picture(56, 56), { hiddenStates: [3] }), /layer 3/],
    [
      'a text without a text tower',
      () => encoder.encode(picture(56, 56), { prompt: 'a cat' }),
      /no text tower/,
    ],
    [
      'looks and tokens at once',
      () => encoder.encode(picture(56, 56), { looks: 1, tokens: 5 }),
      /one of them/,
    ],
    ['a negative number of tokens', () => encoder.encode(picture(56, 56), { tokens: -1 }), /-1/],
  ])('%s', async (_name, work, message) => {
    await expectNoLeak(async () => expect(work()).rejects.toThrow(message))
  })
})
