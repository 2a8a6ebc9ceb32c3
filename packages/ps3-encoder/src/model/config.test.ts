// What the configuration adds to the reference's, and that the reference's files stay as they are.
import { useBackend } from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { configJson } from '../pretrained/index.ts'
import { parseConfig } from './config.ts'
import { PictureBatch } from './picture.ts'
import { PS3Encoder } from './ps3-encoder.ts'

const attn_pool = { width: 8, heads: 2, mlp_ratio: 2 }
const trunk = { patch_size: 4, grid: 6, width: 8, depth: 1, heads: 2, mlp_hidden: 16, attn_pool }
const vision = { model_name: 'toy', ps3_scales: [24, 48], select_based_on_layer: [0] }
const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
const toy = (own: object = {}) => parseConfig({ ...vision, ...own }, trunk)
const written = (config: ReturnType<typeof toy>) => configJson(new PS3Encoder({ config, normalization }))

beforeAll(() => useBackend('cpu'))

it('looks at 1512 px for the selection as released models do, and does not write that down', () => {
  expect(toy().vision.highres_selection_image_size).toBe(1512)
  expect(written(toy())).not.toHaveProperty('highres_selection_image_size')
})

it('lets a small model look at less, and writes that down', () => {
  const own = { highres_selection_image_size: 48, highres_selection_module_kernel_size: 8 }
  const config = toy(own)
  expect(written(config)).toMatchObject(own)
  const image = { width: 48, height: 48, data: new Uint8Array(48 * 48 * 3) }
  const view = new PictureBatch([image], [24, 48], 4, normalization).selectionPatches(config.vision)
  expect(view?.shape).toEqual([1, 36, 3 * 64])
  view?.dispose()
})

it('refuses a view that the stem does not divide', () => {
  expect(() => toy({ highres_selection_image_size: 50, highres_selection_module_kernel_size: 8 })).toThrow(
    'highres_selection_image_size 50 must be divisible by highres_selection_module_kernel_size 8',
  )
})
