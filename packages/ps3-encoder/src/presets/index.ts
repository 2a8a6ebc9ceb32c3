// The eight models of the paper as data: configuration, preprocessing and tokenizer, as their checkpoints spell them.
// PS3 (arXiv:2503.19903); sizes from the reference's released training configurations.

import { ConfigError } from '@ps3js/tensor'
import { type PS3Config, parseConfig } from '../model/config.ts'
import langSiglip215k from './PS3_Lang-1.5K-SigLIP2.json' with { type: 'json' }
import langSiglip24k from './PS3_Lang-4K-SigLIP2.json' with { type: 'json' }
import ps3Radio15k from './PS3-1.5K-C-RADIO-v2-L.json' with { type: 'json' }
import ps3Siglip15k from './PS3-1.5K-SigLIP.json' with { type: 'json' }
import ps3Siglip215k from './PS3-1.5K-SigLIP2.json' with { type: 'json' }
import ps3Radio4k from './PS3-4K-C-RADIO-v2-L.json' with { type: 'json' }
import ps3Siglip4k from './PS3-4K-SigLIP.json' with { type: 'json' }
import ps3Siglip24k from './PS3-4K-SigLIP2.json' with { type: 'json' }

/** What a checkpoint directory says beside its weights. */
export interface Preset {
  /** `config.json` */
  config: { model_type: string; vision_config: Record<string, unknown>; text_config: Record<string, unknown> }
  /** `preprocessor_config.json` */
  preprocessor: {
    image_size: number[]
    mean: number[]
    std: number[]
    interpolation: string
    resize_mode: string
  }
  /** `tokenizer_config.json` */
  tokenizer: { tokenizer_name: string; context_length: number; clean: string }
}

export const presets = {
  'PS3-1.5K-SigLIP': ps3Siglip15k,
  'PS3-4K-SigLIP': ps3Siglip4k,
  'PS3-1.5K-SigLIP2': ps3Siglip215k,
  'PS3-4K-SigLIP2': ps3Siglip24k,
  'PS3_Lang-1.5K-SigLIP2': langSiglip215k,
  'PS3_Lang-4K-SigLIP2': langSiglip24k,
  'PS3-1.5K-C-RADIO-v2-L': ps3Radio15k,
  'PS3-4K-C-RADIO-v2-L': ps3Radio4k,
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as PresetName[]

/** The preset of this name. Throws ConfigError listing the names that exist. */
export function preset(name: string): Preset {
  if (Object.hasOwn(presets, name)) return presets[name as PresetName]
  throw new ConfigError(`no preset is named "${name}"; there are ${presetNames.join(', ')}`)
}

/** A preset's configuration with every default filled in. `text: false` leaves the text tower out. */
export function presetConfig(name: string, { text = true }: { text?: boolean } = {}): PS3Config {
  const config = parseConfig(preset(name).config)
  return text ? config : { ...config, text: null }
}
