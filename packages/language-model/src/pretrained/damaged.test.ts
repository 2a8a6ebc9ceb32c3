// Damaged checkpoints and interrupted work: an error that names the thing, and nothing left behind.
import { cp, readFile, truncate, writeFile } from 'node:fs/promises'
import { CheckpointError, PS3Error, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { generate, KeyValueCache, loadModel, packedLayers, prefill } from '../index.ts'
import { folderOf, smallModel } from '../recorded.fixture.ts'

beforeAll(() => useBackend('wasm'))

const withCopy = <T>(use: (folder: string, weights: string) => Promise<T>) =>
  inTempDir(async (folder) => {
    await cp(`${folderOf('qwen2-tied')}/model`, folder, { recursive: true })
    return use(folder, `${folder}/model.safetensors`)
  })

const changeConfig = (change: object) => async (folder: string) => {
  const path = `${folder}/config.json`
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...change }))
}

describe('damaged checkpoints', () => {
  it.each([
    ['cut off', (_: string, weights: string) => truncate(weights, 9000), /model\.safetensors/],
    ['an empty file', (_: string, weights: string) => truncate(weights, 0), /model\.safetensors/],
    [
      'of another width',
      changeConfig({ hidden_size: 128 }),
      /wrong shape: model\.embed_tokens\.weight is \[160,64\]/,
    ],
    ['with layers missing', changeConfig({ num_hidden_layers: 4 }), /missing: model\.layers\.3\./],
    ['with layers too many', changeConfig({ num_hidden_layers: 2 }), /unexpected: model\.layers\.2\./],
    ['without the head', changeConfig({ tie_word_embeddings: false }), /has no lm_head\.weight/],
  ] as const)('%s', async (_, damage, message) => {
    const error = await withCopy(async (folder, weights) => {
      await damage(folder, weights)
      return expectNoLeak(() => loadModel(folder).catch((error: unknown) => error))
    })
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as Error).message).toMatch(message)
  })

  it('with NaN among the weights, also where they stay packed', () =>
    withCopy(async (folder, weights) => {
      const bytes = await readFile(weights)
      bytes.fill(0xff, bytes.length - 8)
      await writeFile(weights, bytes)
      for (const layers of [undefined, packedLayers('int8')]) {
        await expectNoLeak(async () => {
          await expect(loadModel(folder, { layers })).rejects.toThrow(/tensor ".*" holds NaN/)
        })
      }
    }))
})

describe('interrupted work', () => {
  const stop = new PS3Error('stopped', 'enough')

  it('loading', async () => {
    const controller = new AbortController()
    const onWeights = ({ loaded, total }: { loaded: number; total: number }) => {
      if (loaded > total / 2) controller.abort(stop)
    }
    await expectNoLeak(async () => {
      const loading = loadModel(`${folderOf('qwen2-tied')}/model`, { signal: controller.signal, onWeights })
      await expect(loading).rejects.toBe(stop)
    })
  })

  it('reading a prompt: the cache holds whole chunks, and reading goes on from there', async () => {
    await expectNoLeak(async () => {
      const model = smallModel()
      const prompt = Array.from({ length: 30 }, (_, i) => (i * 7) % 50)
      const [past, whole] = [new KeyValueCache(model.config), new KeyValueCache(model.config)]
      const controller = new AbortController()
      const options = { chunkTokens: 8, signal: controller.signal, onProgress: () => controller.abort(stop) }
      await expect(prefill(model, [{ prompt, past }], options)).rejects.toBe(stop)
      expect(past.length).toBe(8)
      const resumed = await prefill(model, [{ prompt: prompt.slice(8), past }])
      const straight = await prefill(model, [{ prompt, past: whole }])
      const [a, b] = [await resumed.data(), await straight.data()]
      // Values of order 1 through two layers, summed in another order.
      for (let i = 0; i < a.length; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThan(1e-5)
      for (const one of [past, whole, resumed, straight, model]) one.dispose()
    })
  })

  it('between two layers: no trace in the cache', async () => {
    await expectNoLeak(async () => {
      const model = smallModel()
      const past = new KeyValueCache(model.config)
      const embeddings = model.embed([1, 2, 3])
      const steps = model.steps(embeddings, [{ length: 3, past }])
      steps.next()
      steps.return(undefined as never)
      expect(past.length).toBe(0)
      for (const one of [past, embeddings, model]) one.dispose()
    })
  })

  it('answering', async () => {
    await expectNoLeak(async () => {
      const model = smallModel()
      const controller = new AbortController()
      const answer = async () => {
        for await (const { index } of generate(model, [{ prompt: [4, 5] }], { signal: controller.signal })) {
          if (index === 2) controller.abort(stop)
        }
      }
      await expect(answer()).rejects.toBe(stop)
      model.dispose()
    })
  })
})
