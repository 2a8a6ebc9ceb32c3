// Saving an encoder in the released layout, or under OpenCLIP's training names.

import { SELECTION_IMAGE_SIZE } from '@ps3js/patch-selector'
import { type TensorToWrite, type WriteShardedOptions, writeFileAtomic, writeSharded } from '@ps3js/tensor'
import type { ImageProcessor } from '../image/index.ts'
import { trunks } from '../model/config.ts'
import type { PS3Encoder } from '../model/ps3-encoder.ts'
import { toCheckpointName, toOpenClip } from '../model/state-dict.ts'

export interface SaveOptions extends WriteShardedOptions {
  /** 'hf' is the released layout. */
  layout?: 'hf' | 'openclip'
  processor?: ImageProcessor
  /** The parsed `tokenizer_config.json` to put beside the weights. */
  tokenizerConfig?: unknown
}

/**
 * Writes `model.safetensors` (or shards), `config.json`, and what else is needed to load it again (Node only).
 * Throws ResourceError when the directory cannot be written; no half-written file is left.
 */
export async function savePretrained(
  encoder: PS3Encoder,
  directory: string,
  options: SaveOptions = {},
): Promise<void> {
  const { layout = 'hf', processor, tokenizerConfig, ...writing } = options
  const rename = (path: string) =>
    layout === 'openclip' ? toOpenClip(toCheckpointName(path)) : toCheckpointName(path)
  const tensors = [...encoder.namedParameters()].map(([path, parameter]): [string, TensorToWrite] => [
    rename(path),
    {
      dtype: 'F32',
      shape: parameter.shape,
      data: async () => (await parameter.value.data()) as Float32Array,
    },
  ])
  await writeSharded(directory, tensors, writing)
  const json = async (name: string, value: unknown) =>
    writeFileAtomic(`${directory}/${name}`, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`))
  await json('config.json', configJson(encoder))
  if (!(encoder.config.vision.model_name in trunks)) await json('trunk.json', encoder.config.trunk)
  if (processor) await json('preprocessor_config.json', processor.toJSON())
  if (tokenizerConfig !== undefined) await json('tokenizer_config.json', tokenizerConfig)
}

/** `config.json` as the exporter writes it: a whole model, or a vision model alone. */
export function configJson(encoder: PS3Encoder): unknown {
  const { vision, text } = encoder.config
  // The reference knows no such field: it is named only where it differs from what the reference does.
  const { highres_selection_image_size: view, ...shared } = vision
  const own = view === SELECTION_IMAGE_SIZE ? shared : vision
  const visionConfig = { ...own, architectures: ['PS3VisionModel'], model_type: 'ps3_vision_model' }
  if (!text) return visionConfig
  return {
    architectures: ['PS3Model'],
    model_type: 'ps3',
    vision_config: visionConfig,
    text_config: { ...text, architectures: ['PS3TextModel'], model_type: 'ps3_text_model' },
  }
}
