// A SigLIP as transformers saves it, and what transformers computes with it, against our towers begun from it.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PictureBatch, PS3Encoder, parseConfig } from '@ps3js/ps3-encoder'
import { dispose, type Tensor, tensorData, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { initializeFrom } from './model.ts'

const fixture = fileURLToPath(new URL('../../fixtures/siglip_transformers', import.meta.url))
const expected = JSON.parse(await readFile(`${fixture}/expected.json`, 'utf8')) as {
  ids: number[][]
  imageFeatures: number[][]
  textFeatures: number[][]
  logitsPerImage: number[][]
}
const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

function ps3({ mlpHidden = 24 } = {}): PS3Encoder {
  const config = {
    model_type: 'ps3',
    vision_config: {
      model_name: 'tiny',
      hidden_size: 12,
      pool: 'map',
      ps3_scales: [16, 32],
      select_based_on_layer: [0, 1],
      max_select_num: 4,
      highres_selection_feature: false,
    },
    text_config: {
      output_dim: 12,
      prompt_proj_dim: 12,
      context_length: 6,
      vocab_size: 40,
      width: 12,
      heads: 2,
      layers: 2,
      mlp_ratio: 20.5 / 12,
      no_causal_mask: true,
      proj_bias: true,
      pool_type: 'last',
      norm_kwargs: { eps: 1e-6 },
      act_kwargs: { approximate: 'tanh' },
    },
  }
  const trunk = {
    patch_size: 4,
    grid: 4,
    width: 12,
    depth: 2,
    heads: 2,
    mlp_hidden: mlpHidden,
    attn_pool: { width: 12, heads: 2, mlp_ratio: 2 },
  }
  const encoder = new PS3Encoder({ config: parseConfig(config, trunk), normalization, contrastive: true })
  encoder.initialize(1)
  return encoder
}

/** The pictures of the fixture's script. */
function pictures(): PictureBatch {
  const size = 16 * 16 * 3
  const images = [0, 1].map((picture) => ({
    width: 16,
    height: 16,
    data: Uint8Array.from({ length: size }, (_, i) => {
      const at = picture * size + i
      return (at * 37 + Math.floor(at / 7) * 11) % 256
    }),
  }))
  return new PictureBatch(images, [16, 32], 4, normalization)
}

/** Unit length. */
async function rowsOf(features: Tensor): Promise<number[][]> {
  const values = [...(await tensorData(features))]
  const width = features.shape[1]!
  return [0, 1].map((row) => normalized(values.slice(row * width, (row + 1) * width)))
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
const normalized = (row: readonly number[]) => row.map((x) => x / Math.sqrt(dot(row, row)))

/** Float32 in another order, a few blocks deep: some last bits of numbers of order 1 to 10. */
function expectClose(actual: readonly number[][], expected: readonly number[][]): void {
  for (const [i, row] of expected.entries())
    for (const [j, value] of row.entries()) expect(actual[i]![j]!, `[${i}, ${j}]`).toBeCloseTo(value, 5)
}

beforeAll(() => useBackend('wasm'))

describe('a SigLIP of transformers', () => {
  it("gives the features that transformers computes, and only PS3's own parts begin at random", () =>
    expectNoLeak(async () => {
      const encoder = ps3()
      const { fresh } = await initializeFrom(encoder, fixture)
      const isOwn = /prior_prompt|selection_feature_proj|prompt_proj|pos_emb_residual/
      expect(fresh.filter((name) => !isOwn.test(name))).toEqual([])

      const batch = pictures()
      const { vision_model: model } = encoder
      const patches = batch.lowResPatches()
      const low = model.lowRes(patches, batch.sizes[0]!.grid, [1])
      const image = model.trunk.pool(low.hiddenStates[0]!)
      const text = encoder.text_model!.forward(expected.ids.map((row) => Int32Array.from(row)))
      const [images, texts] = [await rowsOf(image), await rowsOf(text.pooled)]
      expectClose(images, expected.imageFeatures.map(normalized))
      expectClose(texts, expected.textFeatures.map(normalized))
      const [scale] = await encoder.logit_scale!.value.data()
      const [bias] = await encoder.logit_bias!.value.data()
      const logits = images.map((a) => texts.map((b) => dot(a, b) * Math.exp(scale!) + bias!))
      expectClose(logits, expected.logitsPerImage)
      dispose([patches, image, ...low.hiddenStates, ...low.keysValues, text.pooled, text.prompt])
      encoder.dispose()
    }))

  it('of other shapes is refused by name and shape', async () => {
    const encoder = ps3({ mlpHidden: 28 })
    await expect(initializeFrom(encoder, fixture)).rejects.toThrow(
      /blocks\.0\.mlp\.fc1\.weight is \[24,12\], not \[28,12\]/,
    )
    encoder.dispose()
  })
})
