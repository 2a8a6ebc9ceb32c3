// Adapters: gradients against finite differences, merged against beside, and files that come back.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CheckpointError,
  ConfigError,
  dispose,
  InvalidArgumentError,
  openCheckpoint,
  Random,
  Tape,
  type Tensor,
  tensorData,
  tidy,
  useBackend,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { expectNoLeak, largestDifference } from '../../../../tools/test-support.ts'
import { loadModel, nextTokenLoss, type Qwen2, saveModel } from '../index.ts'
import { smallModel } from '../recorded.fixture.ts'
import { LoraAdapters, loraLayers } from './lora.ts'
import { loadAdapters, readLoraConfig, saveAdapters } from './lora-files.ts'

beforeAll(() => useBackend('wasm'))

const OPTIONS = { rank: 3, alpha: 6, targets: ['q_proj', 'v_proj', 'down_proj'] }
const IDS = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7]

/** The small model with adapters that add something. */
function adapted(): { model: Qwen2; adapters: LoraAdapters } {
  const model = smallModel({}, loraLayers(OPTIONS))
  const adapters = LoraAdapters.of(model)
  adapters.initialize(5)
  for (const [name, parameter] of adapters.namedParameters()) {
    if (!name.includes('lora_B')) continue
    parameter.set(new Random(name.length).fillNormal(new Float32Array(parameter.size), 0.2))
  }
  return { model, adapters }
}

const logits = (model: Qwen2) =>
  tidy(() => model.logits(model.forward(model.embed(IDS), [{ length: IDS.length }]).last))

const lossOf = (model: Qwen2) =>
  nextTokenLoss(model, model.forward(model.embed(IDS), [{ length: IDS.length }]).last, [IDS])

async function values(x: Tensor): Promise<Float32Array> {
  const copy = Float32Array.from(await tensorData(x))
  x.dispose()
  return copy
}

describe('LoRA', () => {
  it('adds nothing at the start, and leaves the names of the weights alone', () =>
    expectNoLeak(async () => {
      const plain = smallModel()
      const model = smallModel({}, loraLayers(OPTIONS))
      const adapters = LoraAdapters.of(model)
      adapters.initialize(5)
      expect([...model.namedParameters()].map(([name]) => name)).toEqual(
        [...plain.namedParameters()].map(([name]) => name),
      )
      expect(await values(logits(model))).toEqual(await values(logits(plain)))
      const names = [...adapters.namedParameters()].map(([name]) => name)
      expect(names).toHaveLength(2 * 3 * 2)
      expect(names[0]).toBe('model.layers.0.self_attn.q_proj.lora_A.weight')
      for (const one of [plain, model, adapters]) one.dispose()
    }))

  it('has the gradients of finite differences', async () => {
    const { model, adapters } = adapted()
    const parameters = [...adapters.namedParameters()]
    const tape = new Tape()
    const loss = tape.record(() => lossOf(model))
    const gradients = tape.gradients(
      [{ y: loss }],
      parameters.map(([, { value }]) => value),
    ) as Tensor[]
    for (const [i, [name, parameter]] of parameters.entries()) {
      const gradient = await tensorData(gradients[i]!)
      const start = Float32Array.from(await tensorData(parameter.value))
      const length = Math.hypot(...gradient)
      const at = async (h: number) => {
        parameter.set(start.map((value, k) => value + (h * gradient[k]!) / length))
        return (await values(tidy(() => lossOf(model))))[0]!
      }
      const change = ((await at(1e-2)) - (await at(-1e-2))) / 2e-2
      parameter.set(start)
      // Central differences of a float32 loss of 10: 1e-6 / 2e-2 of noise, and the third derivative's share.
      expect(Math.abs(change - length), name).toBeLessThan(0.02 * length + 2e-4)
    }
    dispose([loss, ...gradients])
    model.dispose()
    adapters.dispose()
  })

  it('merged into the weights is the same model, which loads as a plain one', () =>
    expectNoLeak(() =>
      inTempDir(async (directory) => {
        const { model, adapters } = adapted()
        const beside = await values(logits(model))
        adapters.merge()
        // Logits of 20 through sums in another order.
        expect(largestDifference(await values(logits(model)), beside)).toBeLessThan(1e-4)
        await saveModel(model, directory)
        const plain = await loadModel(directory)
        expect(largestDifference(await values(logits(plain)), beside)).toBeLessThan(1e-4)
        for (const one of [plain, model, adapters]) one.dispose()
      }),
    ))

  it('merged for as long as something runs, is as it was afterwards', () =>
    expectNoLeak(async () => {
      const { model, adapters } = adapted()
      const parameters = [...adapters.baseWeights(), ...adapters.namedParameters()]
      expect(parameters.map(([name]) => name)).toContain('model.layers.1.mlp.down_proj.weight')
      const now = () => Promise.all(parameters.map(async ([, { value }]) => [...(await tensorData(value))]))
      const [before, beside] = [await now(), await values(logits(model))]
      await adapters.whileMerged(async () => {
        expect(await now()).not.toEqual(before)
        expect(largestDifference(await values(logits(model)), beside)).toBeLessThan(1e-4)
      })
      expect(await now()).toEqual(before)
      const failing = adapters.whileMerged(() => Promise.reject(new Error('no room')))
      await expect(failing).rejects.toThrow('no room')
      expect(await now()).toEqual(before)
      model.dispose()
      adapters.dispose()
    }))

  it('comes back from its files, under the names of peft', () =>
    expectNoLeak(() =>
      inTempDir(async (directory) => {
        const { model, adapters } = adapted()
        const beside = await values(logits(model))
        await saveAdapters(adapters, directory, { ...OPTIONS, baseModel: 'owner/name' })
        const file = await openCheckpoint(directory, { filename: 'adapter_model.safetensors' })
        expect(file.info('base_model.model.model.layers.1.mlp.down_proj.lora_B.weight').shape).toEqual([
          24, 3,
        ])
        await file.close()
        const options = await readLoraConfig(directory)
        expect(options).toEqual(OPTIONS)
        const again = smallModel({}, loraLayers(options))
        const loaded = LoraAdapters.of(again)
        await loadAdapters(loaded, directory)
        expect(await values(logits(again))).toEqual(beside)
        const other = smallModel({}, loraLayers({ ...options, rank: 2 }))
        const narrow = LoraAdapters.of(other)
        await expect(loadAdapters(narrow, directory)).rejects.toThrow(CheckpointError)
        const path = join(directory, 'adapter_config.json')
        const config = JSON.parse(await readFile(path, 'utf8'))
        await writeFile(path, JSON.stringify({ ...config, use_dora: true }))
        await expect(readLoraConfig(directory)).rejects.toThrow(/only plain adapters/)
        for (const one of [model, adapters, again, loaded, other, narrow]) one.dispose()
      }),
    ))

  it('refuses what cannot be', () => {
    expect(() => loraLayers({ rank: 0, alpha: 1 })).toThrow(ConfigError)
    expect(() => loraLayers({ rank: 1, alpha: 1, targets: ['qkv'] })).toThrow(/qkv; there are q_proj,/)
    const model = smallModel()
    expect(() => LoraAdapters.of(model)).toThrow(InvalidArgumentError)
    model.dispose()
  })
})
