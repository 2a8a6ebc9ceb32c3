// The example in the README runs, with a small model and a picture where it says.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tensor from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import { expectNoLeak } from '../../../tools/test-support.ts'
import * as encoder from './index.ts'

const before = process.cwd()
let directory: string

beforeAll(async () => {
  await tensor.useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-readme-'))
  await writeSmallModel(join(directory, 'model'))
  await cp(fixture('preprocess/in/rgb.jpg'), join(directory, 'picture.jpg'))
  process.chdir(directory)
})
afterAll(async () => {
  process.chdir(before)
  await rm(directory, { recursive: true, force: true })
})

it('runs and leaves no tensor behind', async () => {
  // The example takes the best backend there is; here it is the one that every machine has.
  const modules = {
    '@ps3js/tensor': { ...tensor, useBackend: () => tensor.useBackend('wasm') },
    '@ps3js/ps3-encoder': encoder,
  }
  const readme = new URL('../README.md', import.meta.url)
  const { printed } = await expectNoLeak(() => runReadmeExample(readme, modules))
  expect(printed).toEqual(['0 1,16,24', '1 1,16,24'])
})

function fixture(path: string): string {
  return fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))
}

async function writeSmallModel(model: string): Promise<void> {
  const attn_pool = { width: 24, heads: 2, mlp_ratio: 2 }
  const trunk = { patch_size: 14, grid: 4, width: 24, depth: 2, heads: 2, mlp_hidden: 48, attn_pool }
  const config = encoder.parseConfig(
    {
      vision_config: {
        model_name: 'small',
        hidden_size: 24,
        pool: 'map',
        ps3_scales: [56, 112],
        select_based_on_layer: [0, 1],
        max_select_num: 16,
        highres_selection_feature: false,
      },
      text_config: {
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
      },
    },
    trunk,
  )
  const processor = new encoder.ImageProcessor({ image_size: 112, mean: 0.5, std: 0.5 })
  const small = new encoder.PS3Encoder({ config, normalization: processor })
  small.initialize(1)
  const tokenizerConfig = { tokenizer_name: './tokenizer', context_length: 12, clean: 'canonicalize' }
  await encoder.savePretrained(small, model, { processor, tokenizerConfig })
  small.dispose()
  await cp(fixture('text/unigram'), join(model, 'tokenizer'), { recursive: true })
}
