// Rewriting a checkpoint tensor by tensor: another number type, other shards, other names. Values pass through as they
// are unless the type changes.

import { fromOpenClip, isOpenClip, toOpenClip } from '@ps3js/ps3-encoder'
import {
  openCheckpoint,
  type PretrainedFiles,
  type TensorToWrite,
  type WrittenShards,
  writeFileAtomic,
  writeSharded,
} from '@ps3js/tensor'

export type Layout = 'hf' | 'openclip'

export interface ConvertOptions {
  /** Store floating-point tensors in this type; default: as they are. */
  dtype?: 'F32' | 'F16' | 'BF16'
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
  'tokenizer_config.json',
  'tokenizer.json',
  'special_tokens_map.json',
]

/** Writes the checkpoint of `files` into `directory`. One tensor is in memory at a time. */
export async function convertCheckpoint(
  files: PretrainedFiles,
  directory: string,
  { dtype, maxShardBytes, to, signal, onProgress }: ConvertOptions,
): Promise<WrittenShards> {
  const checkpoint = await openCheckpoint(files, { signal })
  try {
    const names = checkpoint.names()
    const rename = renaming(isOpenClip(names) ? 'openclip' : 'hf', to)
    const tensors = names.map((name): [string, TensorToWrite] => {
      const { dtype: stored, shape } = checkpoint.info(name)
      return [rename(name), { dtype: stored, shape, data: () => checkpoint.readTyped(name, signal) }]
    })
    const written = await writeSharded(directory, tensors, { dtype, maxShardBytes, signal, onProgress })
    for (const name of COMPANIONS) {
      if (await files.has(name)) {
        await writeFileAtomic(`${directory}/${name}`, new TextEncoder().encode(await files.readText(name)))
      }
    }
    return written
  } finally {
    await checkpoint.close()
  }
}

function renaming(from: Layout, to: Layout | undefined): (name: string) => string {
  const released =
    from === 'openclip'
      ? (name: string) => fromOpenClip(name.replace(/^module\./, ''))
      : (name: string) => name
  if (to === undefined) return (name) => name
  return to === 'openclip' ? (name) => toOpenClip(released(name)) : released
}
