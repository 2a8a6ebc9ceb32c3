// A preset at full size with cheap random weights: arithmetic takes as long whatever the numbers are.

import {
  ImageProcessor,
  type ImageProcessorConfig,
  PS3Encoder,
  parseConfig,
  presets,
} from '@ps3js/ps3-encoder'
import { alignedFloat32, type Module } from '@ps3js/tensor'

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as PresetName[]

/** Uniform in [-0.035, 0.035], the spread of trained weights; norms start at one as they do in training. */
const WEIGHT_SCALE = 0.035 / 2 ** 31

/** The whole model, or without its text tower. */
export function randomPreset(
  name: PresetName,
  { visionOnly = false } = {},
): { encoder: PS3Encoder; processor: ImageProcessor } {
  const { config, preprocessor } = presets[name]
  const processor = new ImageProcessor(preprocessor as unknown as ImageProcessorConfig)
  const encoder = new PS3Encoder({
    config: parseConfig(visionOnly ? config.vision_config : config),
    normalization: processor,
    tokenizer: null,
  })
  fillRandom(encoder)
  return { encoder, processor }
}

/** A linear congruential generator: a second per gigabyte, where good normals take ten. */
export function fillRandom(model: Module): void {
  let state = 1
  for (const [path, parameter] of model.namedParameters()) {
    const values = alignedFloat32(parameter.size)
    if (/(norm\d?|ln_\d|ln_final)\.weight$/.test(path)) values.fill(1)
    else {
      for (let i = 0; i < values.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0
        values[i] = state * WEIGHT_SCALE
      }
    }
    parameter.set(values)
  }
}
