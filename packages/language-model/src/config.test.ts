// config.json as published models spell it, in the fields where versions of transformers differ.
import { ConfigError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { languageModelConfigJson, parseLanguageModelConfig } from './config.ts'

/** Qwen2.5-0.5B-Instruct, as transformers 4 wrote it. */
const published = {
  architectures: ['Qwen2ForCausalLM'],
  attention_dropout: 0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  hidden_act: 'silu',
  hidden_size: 896,
  initializer_range: 0.02,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  max_window_layers: 21,
  model_type: 'qwen2',
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  sliding_window: 32768,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.43.1',
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936,
}

describe('config.json', () => {
  it('is read in the spelling of transformers 4 and 5, and written for both', () => {
    const config = parseLanguageModelConfig(published)
    expect(config).toMatchObject({ numKeyValueHeads: 2, headDim: 64, ropeTheta: 1e6, tiedHead: true })
    const { rope_theta, torch_dtype, ...rest } = published
    const newer = {
      ...rest,
      dtype: torch_dtype,
      rope_parameters: { rope_theta, rope_type: 'default' },
      rope_scaling: null,
      layer_types: Array.from({ length: 24 }, () => 'full_attention'),
      sliding_window: null,
    }
    expect(parseLanguageModelConfig(newer)).toEqual(config)
    // transformers 5 takes the nested one of two.
    expect(parseLanguageModelConfig({ ...newer, rope_theta: 5 })).toEqual(config)
    const written = languageModelConfigJson(config, 'BF16')
    expect(written).toMatchObject({ torch_dtype: 'bfloat16', dtype: 'bfloat16' })
    expect(parseLanguageModelConfig(written)).toEqual(config)
  })

  it('is refused with a window that some layer looks through, and only then', () => {
    const windowed = { ...published, use_sliding_window: true }
    expect(() => parseLanguageModelConfig(windowed)).toThrow(ConfigError)
    expect(() => parseLanguageModelConfig(windowed)).toThrow('use_sliding_window is not supported')
    for (const same of [{ max_window_layers: 24 }, { sliding_window: null }])
      expect(parseLanguageModelConfig({ ...windowed, ...same })).toEqual(parseLanguageModelConfig(published))
  })
})
