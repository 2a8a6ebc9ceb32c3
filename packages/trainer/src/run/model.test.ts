// Where a model comes from: built from each kind of description, and begun from checkpoints of several layouts.
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PS3Encoder, savePretrained } from '@ps3js/ps3-encoder'
import { CheckpointError, ConfigError, useBackend, writeSafetensors } from '@ps3js/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { buildModel, initializeFrom, saveModel, type TrainableModel } from './model.ts'
import { tinyModelConfig } from './tiny.fixture.ts'

let directory: string
let trained: TrainableModel
beforeAll(async () => {
  await useBackend('wasm')
  directory = await mkdtemp(join(tmpdir(), 'ps3-model-'))
  trained = await buildModel(tinyModelConfig)
  trained.encoder.initialize(1)
})
afterAll(async () => {
  trained.encoder.dispose()
  await rm(directory, { recursive: true, force: true })
})

const valuesOf = async (encoder: PS3Encoder, path: string) =>
  new Map(encoder.namedParameters()).get(path)!.value.data()

describe('buildModel', () => {
  it('from what a checkpoint says: the same configuration, tokenizer and picture size', async () => {
    const folder = join(directory, 'saved')
    await saveModel(trained, folder)
    const again = await buildModel({ from: folder })
    expect(again.encoder.config).toEqual(trained.encoder.config)
    expect(again.processor.toJSON()).toEqual(trained.processor.toJSON())
    expect(again.tokenizer.encode(['a red square'])).toEqual(trained.tokenizer.encode(['a red square']))
  })

  it('from a preset, at full size, without a value in memory', async () => {
    const model = await buildModel({ preset: 'PS3-4K-SigLIP', tokenizer: tinyModelConfig.tokenizer })
    expect(model.encoder.parameterCount).toBeGreaterThan(8e8)
    expect(model.processor.imageSize.height).toBe(3780)
  })

  it.each([
    [{ preset: 'PS3-8K' }, ConfigError, /no preset is named "PS3-8K"/],
    [{ ...tinyModelConfig, preprocessor: undefined }, ConfigError, /needs model\.preprocessor/],
    [
      { ...tinyModelConfig, config: tinyModelConfig.config.vision_config },
      ConfigError,
      /has no text tower, which pre-training needs/,
    ],
    [{ ...tinyModelConfig, tokenizer: './nowhere' }, Error, /no directory \.\/nowhere/],
  ])('%#: refused', async (config, kind, message) => {
    await expect(buildModel(config)).rejects.toThrow(kind)
    await expect(buildModel(config)).rejects.toThrow(message)
  })
})

describe('initializeFrom', () => {
  const fresh = async () => {
    const { encoder } = await buildModel(tinyModelConfig)
    encoder.initialize(2)
    return encoder
  }

  it.each(['hf', 'openclip'] as const)('a whole checkpoint in the %s layout', async (layout) => {
    const folder = join(directory, layout)
    await savePretrained(trained.encoder, folder, { layout })
    await expectNoLeak(async () => {
      const encoder = await fresh()
      const { loaded, fresh: left } = await initializeFrom(encoder, folder)
      expect(left).toEqual([])
      expect(loaded).toContain('vision_model.prior_prompt')
      for (const [path, { value }] of encoder.namedParameters()) {
        expect(await value.data(), path).toEqual(await valuesOf(trained.encoder, path))
      }
      encoder.dispose()
    })
  })

  it('an OpenCLIP SigLIP: its towers; what only PS3 has stays random and is named', async () => {
    const folder = join(directory, 'siglip')
    const tensors = [...trained.encoder.namedParameters()].flatMap(([path, { shape, value }]) => {
      const name = path.replace(/^vision_model\.trunk/, 'visual.trunk').replace(/^text_model\./, 'text.')
      if (!/^(visual\.trunk|text|logit)/.test(name) || name.startsWith('text.prompt_proj')) return []
      return [[name, { dtype: 'F32' as const, shape, data: async () => value.data() }] as const]
    })
    await writeSafetensors(join(directory, 'open_clip_model.safetensors'), tensors)
    await savePretrained(trained.encoder, folder)
    await rename(join(directory, 'open_clip_model.safetensors'), join(folder, 'open_clip_model.safetensors'))
    const encoder = await fresh()
    const before = await valuesOf(encoder, 'vision_model.selector.prior_prompt')
    const { fresh: left } = await initializeFrom(encoder, folder)
    expect(left).toContain('vision_model.prior_prompt')
    expect(left).toContain('text_model.prompt_proj.fc1.weight')
    expect(left.some((name) => name.includes('trunk'))).toBe(false)
    expect(await valuesOf(encoder, 'vision_model.selector.prior_prompt')).toEqual(before)
    const table = 'text_model.token_embedding.weight'
    expect(await valuesOf(encoder, table)).toEqual(await valuesOf(trained.encoder, table))
    encoder.dispose()
  })

  it('another model: names the shapes, and changes nothing', async () => {
    const wider = structuredClone(tinyModelConfig)
    wider.trunk.mlp_hidden = 48
    const other = await buildModel(wider)
    other.encoder.initialize(1)
    const before = await valuesOf(other.encoder, 'vision_model.trunk.pos_embed')
    await savePretrained(trained.encoder, join(directory, 'narrow'))
    const failing = initializeFrom(other.encoder, join(directory, 'narrow'))
    await expect(failing).rejects.toThrow(CheckpointError)
    await expect(failing).rejects.toThrow(/blocks\.0\.mlp\.fc1\.weight is \[32,16\], not \[48,16\]/)
    expect(await valuesOf(other.encoder, 'vision_model.trunk.pos_embed')).toEqual(before)
    other.encoder.dispose()
  })
})
