// Every preset reads as a valid configuration with the sizes that the paper's models have.

import { ConfigError, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { PS3Encoder } from '../model/ps3-encoder.ts'
import { presetConfig, presetNames, presets } from './index.ts'

beforeAll(async () => {
  await useBackend('cpu')
})

describe('presets', () => {
  it.each(presetNames)('%s: geometry, budget and prompt width fit', (name) => {
    const { vision, trunk, text } = presetConfig(name)
    const is4k = name.includes('4K')
    const radio = name.includes('RADIO')
    const unit = radio ? 384 : 378
    expect(vision.ps3_scales).toEqual([unit, unit * 2, unit * 4, ...(is4k ? [unit * 10] : [])])
    expect(trunk).toMatchObject(
      radio
        ? { patch_size: 16, width: 1024, depth: 24, heads: 16, mlp_hidden: 4096 }
        : { patch_size: 14, width: 1152, depth: 27, heads: 16, mlp_hidden: 4304 },
    )
    expect(vision.max_select_num).toBe(2560)
    expect(text?.prompt_proj_dim).toBe(trunk.width)
    expect(text?.vocab_size).toBe(name.includes('SigLIP2') ? 256000 : 32000)
    expect(presets[name].preprocessor.image_size).toEqual([
      vision.ps3_scales.at(-1),
      vision.ps3_scales.at(-1),
    ])
  })

  it('has the size that the reference counts for the 4K vision model', () => {
    const encoder = new PS3Encoder({
      config: presetConfig('PS3-4K-SigLIP', { text: false }),
      normalization: presets['PS3-4K-SigLIP'].preprocessor,
    })
    // 576 M, as the official code reports for the same configuration; building without values allocates nothing.
    expect(Math.round(encoder.parameterCount / 1e6)).toBe(576)
    expect(encoder.budget).toEqual([85, 341, 2134])
  })

  it('names what exists when asked for something else', () => {
    expect(() => presetConfig('PS3-8K')).toThrow(ConfigError)
    expect(() => presetConfig('toString')).toThrow(/PS3-4K-SigLIP/)
  })
})
