// Loading a checkpoint in any of its layouts: the exporter's, `save_pretrained`'s, vision only, OpenCLIP training names.

import {
  alignedFloat32,
  type Checkpoint,
  CheckpointError,
  ConfigError,
  openCheckpoint,
  type PretrainedFiles,
  type PretrainedOptions,
  resolvePretrained,
  type StateSource,
} from '@ps3js/tensor'
import { ImageProcessor, type ImageProcessorConfig, OPENAI_MEAN, OPENAI_STD } from '../image/index.ts'
import { type PS3Config, parseConfig } from '../model/config.ts'
import type { Normalization } from '../model/picture.ts'
import { PS3Encoder, type Tokenizer } from '../model/ps3-encoder.ts'
import { renamedSource } from '../model/state-dict.ts'
import { TextTokenizer } from '../text/tokenizer.ts'

export interface LoadOptions extends PretrainedOptions {
  /** In place of the checkpoint's own tokenizer; null to load none. */
  tokenizer?: Tokenizer | null
  /** Where the tokenizer's files lie, when not where `tokenizer_config.json` says: directory, URL or hub name. */
  tokenizerRef?: string
  /** Called as weights are read. */
  onWeights?: (progress: { name: string; loaded: number; total: number }) => void
}

export interface LoadedEncoder {
  encoder: PS3Encoder
  /** Brings any picture to the size that the model was trained with. */
  processor: ImageProcessor
  files: PretrainedFiles
  /** Why texts cannot be encoded, when they cannot. */
  tokenizerError?: Error
}

/** SigLIP models were trained on values in [-1, 1]. */
const SIGLIP: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

/**
 * Loads an encoder from a directory, a base URL, or `owner/name[@revision]` of the Hugging Face hub.
 *
 * Throws ConfigError, CheckpointError or ResourceError, each naming the file and what to do. A missing tokenizer is no
 * error until a text is to be encoded.
 */
export async function loadPretrained(
  from: string | PretrainedFiles,
  options: LoadOptions = {},
): Promise<LoadedEncoder> {
  const files = typeof from === 'string' ? await resolvePretrained(from, options) : from
  const config = await readConfig(files)
  const processor = await readProcessor(files, config)
  const checkpoint = await openCheckpoint(files, options)
  let encoder: PS3Encoder | undefined
  try {
    const source = renamedSource(checkpointSource(checkpoint, options.signal))
    const { tokenizer, tokenizerError } = await readTokenizer(files, config, options)
    encoder = new PS3Encoder({
      config,
      normalization: processor,
      tokenizer,
      tokenizerError,
      contrastive: [...source.names()].includes('logit_scale'),
    })
    await encoder.loadStateDict(source, { signal: options.signal, onProgress: options.onWeights })
    return { encoder, processor, files, tokenizerError }
  } catch (error) {
    encoder?.dispose()
    if (error instanceof CheckpointError) {
      throw new CheckpointError(`${files.location}: ${error.message}`, { cause: error })
    }
    throw error
  } finally {
    await checkpoint.close()
  }
}

/** The configuration of a checkpoint directory. */
export async function readConfig(files: PretrainedFiles): Promise<PS3Config> {
  const trunk = (await files.has('trunk.json')) ? await files.readJson('trunk.json') : undefined
  try {
    return parseConfig(await files.readJson('config.json'), trunk)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(`${files.location}: ${error.message}`, { cause: error })
  }
}

/** An open checkpoint as something to load from; big arrays are aligned, so that native TensorFlow takes them as they are. */
export function checkpointSource(checkpoint: Checkpoint, signal?: AbortSignal): StateSource {
  return {
    names: () => checkpoint.names(),
    shape: (name) => checkpoint.info(name).shape,
    read: (name) => checkpoint.readFloat32(name, { allocate: alignedFloat32, signal }),
  }
}

async function readProcessor(files: PretrainedFiles, { vision }: PS3Config): Promise<ImageProcessor> {
  if (await files.has('preprocessor_config.json')) {
    return new ImageProcessor((await files.readJson('preprocessor_config.json')) as ImageProcessorConfig)
  }
  const { mean, std } = vision.radio ? { mean: OPENAI_MEAN, std: OPENAI_STD } : SIGLIP
  return new ImageProcessor({
    image_size: vision.ps3_scales[vision.ps3_scales.length - 1]!,
    mean: [...mean],
    std: [...std],
  })
}

async function readTokenizer(
  files: PretrainedFiles,
  { text }: PS3Config,
  options: LoadOptions,
): Promise<{ tokenizer: Tokenizer | null; tokenizerError?: Error }> {
  if (options.tokenizer !== undefined || !text) return { tokenizer: options.tokenizer ?? null }
  try {
    const tokenizer = options.tokenizerRef
      ? await resolvePretrained(options.tokenizerRef, options)
      : undefined
    return { tokenizer: await TextTokenizer.fromPretrained(files, { tokenizer }) }
  } catch (error) {
    options.signal?.throwIfAborted()
    return { tokenizer: null, tokenizerError: error as Error }
  }
}
