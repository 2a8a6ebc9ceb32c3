// Rewriting a checkpoint tensor by tensor: another number type, other shards, other names. Values pass through as they
// are unless the type changes.

import { mkdir } from 'node:fs/promises'
import { type QuantizedFormat, quantizedConfig, quantizedTensors } from '@ps3js/language-model'
import { fromOpenClip, isOpenClip, toOpenClip } from '@ps3js/ps3-encoder'
import {
  ConfigError,
  InvalidArgumentError,
  openCheckpoint,
  type PretrainedFiles,
  ResourceError,
  type TensorToWrite,
  TORCH_DTYPES,
  type WrittenShards,
  writeFileAtomic,
  writeSharded,
} from '@ps3js/tensor'

export type Layout = 'hf' | 'openclip'

export interface ConvertOptions {
  /** Store floating-point tensors in this type; default: as they are. */
  dtype?: 'F32' | 'F16' | 'BF16'
  /** Round a language model's matrices to 8 or 4 bits. */
  quantize?: QuantizedFormat
  maxShardBytes?: number
  /** Names to write; default: those of the source. */
  to?: Layout
  signal?: AbortSignal
  onProgress?: (progress: { loaded: number; total?: number }) => void
}

/** What travels along unchanged, where it is there. */
const COMPANIONS = [
  'config.json',
  'trunk.json',
  'preprocessor_config.json',
  'generation_config.json',
  'tokenizer_config.json',
  'tokenizer.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
]

/** A tokenizer that lies elsewhere on the same machine moves in here, so that the copy stands alone. */
const TOKENIZER_FOLDER = 'tokenizer'
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']

/** Writes the checkpoint of `files` into `directory`. One tensor is in memory at a time. */
export async function convertCheckpoint(
  files: PretrainedFiles,
  directory: string,
  { dtype, quantize, maxShardBytes, to, signal, onProgress }: ConvertOptions,
): Promise<WrittenShards> {
  // Refuses what cannot be before anything is read or written.
  const config = await changedConfig(files, { dtype, quantize })
  const checkpoint = await openCheckpoint(files, { signal })
  try {
    const names = checkpoint.names()
    const rename = renaming(isOpenClip(names) ? 'openclip' : 'hf', to)
    const asStored = names.map((name): [string, TensorToWrite] => {
      const { dtype: stored, shape } = checkpoint.info(name)
      return [rename(name), { dtype: stored, shape, data: () => checkpoint.readTyped(name, signal) }]
    })
    const tensors = quantize ? quantizedTensors(checkpoint, quantize, signal) : asStored
    const written = await writeSharded(directory, tensors, { dtype, maxShardBytes, signal, onProgress })
    for (const name of COMPANIONS) {
      if (await files.has(name)) await writeFileAtomic(`${directory}/${name}`, await files.readText(name))
    }
    if (config) await writeFileAtomic(`${directory}/config.json`, `${JSON.stringify(config, null, 2)}\n`)
    await bringTokenizer(files, directory)
    return written
  } finally {
    await checkpoint.close()
  }
}

/** The configuration of the copy, where it differs from the original's: it says how numbers are stored. */
async function changedConfig(
  files: PretrainedFiles,
  { dtype, quantize }: Pick<ConvertOptions, 'dtype' | 'quantize'>,
): Promise<object | undefined> {
  const parts = ['llm', 'vision_tower', 'mm_projector']
  if (await files.subdirectory(parts[0]!).has('config.json')) {
    throw new InvalidArgumentError(
      `${files.location} is a whole VILA-HD: convert its parts one by one (${parts.join(', ')}), and copy the rest`,
    )
  }
  if (!(await files.has('config.json'))) return undefined
  const json = await files.readJson('config.json')
  if (quantize) return quantizedConfig(json, quantize)
  if (!dtype || typeof json !== 'object' || json === null) return undefined
  const quantized = (json as { quantization_config?: unknown }).quantization_config
  if (quantized) {
    throw new ConfigError(
      `the weights of ${files.location} are quantised: convert the checkpoint that they were made from`,
    )
  }
  const names = ['torch_dtype', 'dtype'].filter((name) => name in json)
  return { ...json, ...Object.fromEntries(names.map((name) => [name, TORCH_DTYPES[dtype]])) }
}

function renaming(from: Layout, to: Layout | undefined): (name: string) => string {
  const released =
    from === 'openclip'
      ? (name: string) => fromOpenClip(name.replace(/^module\./, ''))
      : (name: string) => name
  if (to === undefined) return (name) => name
  return to === 'openclip' ? (name) => toOpenClip(released(name)) : released
}

/** Copies a tokenizer that is named by a relative path and renames it in the copy's `tokenizer_config.json`. */
async function bringTokenizer(files: PretrainedFiles, directory: string): Promise<void> {
  if (!(await files.has('tokenizer_config.json'))) return
  const config = (await files.readJson('tokenizer_config.json')) as { tokenizer_name?: unknown }
  const tokenizer = await findTokenizer(files, config.tokenizer_name)
  if (!tokenizer) return
  await mkdir(`${directory}/${TOKENIZER_FOLDER}`, { recursive: true })
  for (const name of TOKENIZER_FILES) {
    if (!(await tokenizer.has(name))) continue
    await writeFileAtomic(`${directory}/${TOKENIZER_FOLDER}/${name}`, await tokenizer.readText(name))
  }
  const moved = { ...config, tokenizer_name: `./${TOKENIZER_FOLDER}` }
  await writeFileAtomic(`${directory}/tokenizer_config.json`, `${JSON.stringify(moved, null, 2)}\n`)
}

/** The tokenizer's files when its name is a path from the model; names of the hub and addresses stay good as they are. */
async function findTokenizer(files: PretrainedFiles, name: unknown): Promise<PretrainedFiles | undefined> {
  if (typeof name !== 'string') return undefined
  if (/^\.{1,2}(\/|$)/.test(name)) {
    try {
      return await files.relative(name)
    } catch (error) {
      // Weights without their tokenizer are still worth converting; loading says what is missing.
      if (error instanceof ResourceError) return undefined
      throw error
    }
  }
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(name)) return undefined
  const below = files.subdirectory(name)
  return (await below.has('tokenizer.json')) ? below : undefined
}
