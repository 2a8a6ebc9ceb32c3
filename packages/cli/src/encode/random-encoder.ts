// The built-in model: random weights, until trained ones exist.

import { ImageProcessor, PS3Encoder, readConfig, TextTokenizer } from '@ps3js/ps3-encoder'
import { resolvePretrained } from '@ps3js/tensor'
import { assetPath } from '../assets.ts'
import type { ModelInUse } from './model.ts'

/** Any number would do; this one gives the default model a selection that is spread over the sample picture. */
const SEED = 3780

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
