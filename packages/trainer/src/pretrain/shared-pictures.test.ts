// A picture shared by several samples trains like as many copies of it, but is computed once.
import { choosePatches, type PatchSelection, selectBoxes } from '@ps3js/patch-selector'
import { PS3Encoder, parseConfig, type RegionMap, type RgbImage } from '@ps3js/ps3-encoder'
import { dispose, Random, tensorData, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import type { PretrainBatch } from './batch.ts'
import { spreadRegions } from './spread-regions.ts'
import { pretrainStep } from './step.ts'

const SIZE = 48
const config = parseConfig(
  {
    vision_config: {
      model_name: 'tiny',
      pool: 'map',
      ps3_scales: [24, 48],
      select_based_on_layer: [0],
      max_select_num: 40,
      highres_selection_module_hidden_dim: 4,
      highres_selection_module_out_dim: 4,
      highres_selection_module_depth: 1,
      highres_selection_module_kernel_size: 4,
      highres_selection_image_size: SIZE,
    },
    text_config: {
      output_dim: 8,
      prompt_proj_dim: 8,
      context_length: 4,
      vocab_size: 9,
      width: 8,
      heads: 2,
      layers: 1,
      no_causal_mask: true,
      proj_bias: true,
      pool_type: 'last',
    },
  },
  {
    patch_size: 4,
    grid: 6,
    width: 8,
    depth: 1,
    heads: 2,
    mlp_hidden: 16,
    attn_pool: { width: 8, heads: 2, mlp_ratio: 2 },
  },
)
const random = new Random(5)

function picture(): RgbImage {
  const data = Uint8Array.from({ length: SIZE * SIZE * 3 }, () => random.integer(256))
  return { width: SIZE, height: SIZE, data }
}

type Square = readonly [x: number, y: number]
const SIDE = 12
const boxOf = ([x, y]: Square) => [x, y, x + SIDE, y + SIDE] as const

function region([left, top]: Square): RegionMap {
  const inside = (at: number, start: number) => at >= start && at < start + SIDE
  const data = Float32Array.from({ length: SIZE * SIZE }, (_, i) =>
    Number(inside(i % SIZE, left) && inside(Math.floor(i / SIZE), top)),
  )
  return { height: SIZE, width: SIZE, data }
}

/** Three captions of one picture, one of another, and a global one of the first. */
const squares: Square[] = [
  [0, 0],
  [16, 4],
  [30, 32],
  [8, 20],
  [0, 36],
]
const pictures = [0, 0, 0, 1, 0]
const grids = [{ height: 12, width: 12 }]
const size = { height: SIZE, width: SIZE }

/** What is selected: all squares of the picture. */
const selections: PatchSelection[] = pictures.map((shown) => {
  const boxes = squares.filter((_, i) => pictures[i] === shown).map(boxOf)
  return selectBoxes(shown === 0 ? boxes.slice(0, 3) : [[0, 0, 24, 24]], size, grids)
})

function batch(images: readonly RgbImage[]): PretrainBatch {
  return {
    images,
    tokenIds: squares.map((_, i) => Int32Array.of(1, 2 + i, 3 + ((i * 2) % 5), 1)),
    regions: squares.map(region),
    isGlobalText: [false, false, false, false, true],
    pictures,
  }
}

describe('samples that share a picture', () => {
  let encoder: PS3Encoder
  beforeAll(async () => {
    await useBackend('wasm')
    encoder = new PS3Encoder({
      config,
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      contrastive: true,
    })
    encoder.initialize(1)
  })

  it('have the losses and gradients of copies, the same patches given', () =>
    expectNoLeak(async () => {
      const [first, second] = [picture(), picture()] as const
      const shared = pictures.map((shown) => (shown === 0 ? first : second))
      const counts = selections.map(({ indices }) => indices[0]!.length)
      const taken = Math.min(...counts)
      const equallyMany = selections.map(({ indices }) => ({ indices: [indices[0]!.slice(0, taken)] }))
      const copies = shared.map((image) => ({ ...image }))
      const options = { selections: equallyMany, dice: true }
      const once = await pretrainStep(encoder, batch(shared), options)
      const apart = await pretrainStep(encoder, batch(copies), options)
      for (const [name, loss] of Object.entries(apart.losses)) {
        expect(once.losses[name as keyof typeof once.losses]).toBeCloseTo(loss, 5)
      }
      expect([...once.gradients.keys()].sort()).toEqual([...apart.gradients.keys()].sort())
      for (const [path, gradient] of apart.gradients) {
        const [expected, actual] = await Promise.all(
          [gradient, once.gradients.get(path)!].map((g) => tensorData(g)),
        )
        const scale = Math.max(...expected!.map(Math.abs))
        // Sums over samples are taken in another order: some roundings of the largest value.
        expected!.forEach((value, i) => {
          expect(Math.abs(actual![i]! - value)).toBeLessThanOrEqual(2e-5 * scale + 1e-9)
        })
      }
      dispose([...once.gradients.values(), ...apart.gradients.values()])
    }))

  it('are looked at together: the regions of all captions are selected', () =>
    expectNoLeak(async () => {
      const [first, second] = [picture(), picture()] as const
      const shared = pictures.map((shown) => (shown === 0 ? first : second))
      const step = await pretrainStep(encoder, batch(shared), {})
      expect(step.selections).toHaveLength(5)
      expect(step.selections[0]).toBe(step.selections[2])
      const chosen = new Set(step.selections[0]!.indices[0])
      const asked = selectBoxes(squares.slice(0, 3).map(boxOf), size, grids).indices[0]!
      expect([...asked].every((patch) => chosen.has(patch))).toBe(true)
      dispose([...step.gradients.values()])
    }))
})

it('gives each region its share when the budget is short', () => {
  const nothing = { height: 1, width: 1, data: Float32Array.of(0.5) }
  const regions = [region([0, 0]), region([30, 32])]
  const [look] = choosePatches({ probabilities: spreadRegions(nothing, regions, grids), grids, budget: 8 })
  const inside = regions.map((_, i) => new Set(selectBoxes([boxOf(squares[2 * i]!)], size, grids).indices[0]))
  const counts = inside.map((patches) => look!.indices[0]!.filter((patch) => patches.has(patch)).length)
  expect(counts).toEqual([4, 4])
})
