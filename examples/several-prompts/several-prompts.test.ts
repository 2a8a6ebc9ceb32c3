// The example runs on a small random model.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ImageProcessor, PS3Encoder, parseConfig, savePretrained } from '@ps3js/ps3-encoder'
import { useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectNoLeak } from '../../tools/test-support.ts'
import { comparePrompts } from './several-prompts.mjs'

const shared = new URL('../../packages/ps3-encoder/fixtures/', import.meta.url)
let model: string

beforeAll(async () => {
  await useBackend('wasm')
  model = await mkdtemp(join(tmpdir(), 'ps3-example-'))
  const attn_pool = { width: 24, heads: 2, mlp_ratio: 2 }
  const trunk = { patch_size: 14, grid: 4, width: 24, depth: 2, heads: 2, mlp_hidden: 48, attn_pool }
  const vision_config = {
    model_name: 'small',
    pool: 'map',
    ps3_scales: [56, 112, 224],
    select_based_on_layer: [0, 1],
    max_select_num: 32,
    highres_selection_feature: false,
  }
  const text_config = {
    output_dim: 24,
    prompt_proj_dim: 24,
    context_length: 12,
    vocab_size: 91,
    width: 24,
    heads: 2,
    layers: 1,
    no_causal_mask: true,
    proj_bias: true,
    pool_type: 'last',
  }
  const processor = new ImageProcessor({ image_size: 224, mean: 0.5, std: 0.5 })
  const config = parseConfig({ vision_config, text_config }, trunk)
  const encoder = new PS3Encoder({ config, normalization: processor })
  encoder.initialize(1)
  const tokenizer_name = fileURLToPath(new URL('text/unigram', shared))
  const tokenizerConfig = { tokenizer_name, context_length: 12, clean: 'canonicalize' }
  await savePretrained(encoder, model, { processor, tokenizerConfig })
  encoder.dispose()
})
afterAll(() => rm(model, { recursive: true, force: true }))

it('looks where each prompt says', async () => {
  const picture = fileURLToPath(new URL('preprocess/in/rgb.png', shared))
  const results = await expectNoLeak(() => comparePrompts(model, picture, ['a sign', 'a dog', 'a sign']))
  expect(results.map(({ patches }) => patches)).toEqual([32, 32, 32])
  expect(results[0]!.shared).toBe(32)
  expect(results[1]!.shared).toBeLessThan(32)
  expect(results[2]!.shared).toBe(32)
})
