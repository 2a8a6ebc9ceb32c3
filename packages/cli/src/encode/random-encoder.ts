// Encoders with random weights: what runs until trained ones exist, and what benchmarks run.

import {
  ImageProcessor,
  type Preset,
  type PS3Config,
  PS3Encoder,
  readConfig,
  TextTokenizer,
} from '@ps3js/ps3-encoder'
import { resolvePretrained } from '@ps3js/tensor'
import { assetPath } from '../assets.ts'
import type { ModelInUse } from './model.ts'

/** Any number would do; this one gives the default model a selection that is spread over the sample picture. */
const SEED = 3780

/** Random weights for a configuration; the same seed gives the same weights on every machine. */
export function randomEncoder(
  config: PS3Config,
  preprocessor: Preset['preprocessor'],
  seed = SEED,
): { encoder: PS3Encoder; processor: ImageProcessor } {
  const processor = new ImageProcessor(preprocessor as ConstructorParameters<typeof ImageProcessor>[0])
  const encoder = new PS3Encoder({ config, normalization: processor })
  try {
    encoder.initialize(seed)
  } catch (error) {
    encoder.dispose()
    throw error
  }
  return { encoder, processor }
}

/** The small model that ships with this command: true 4K geometry, random weights. */
export async function loadDefaultModel(): Promise<ModelInUse> {
  const files = await resolvePretrained(assetPath('default-model'))
  const config = await readConfig(files)
  const processor = new ImageProcessor(
    (await files.readJson('preprocessor_config.json')) as ConstructorParameters<typeof ImageProcessor>[0],
  )
  const tokenizer = await TextTokenizer.fromPretrained(files)
  const encoder = new PS3Encoder({ config, normalization: processor, tokenizer })
  encoder.initialize(SEED)
  return { encoder, processor, name: 'the built-in small model', isRandom: true }
}
