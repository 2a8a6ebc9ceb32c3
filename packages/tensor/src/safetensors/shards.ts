// Sharded checkpoints in Hugging Face's layout: model-00001-of-0000N.safetensors and model.safetensors.index.json.
// Split and index as huggingface_hub's split_state_dict_into_shards_factory and transformers' save_pretrained make them.

import { type AtomicFile, createAtomicFile, listDirectory, makeDirectory, removeFile } from '#platform'
import { InvalidArgumentError } from '../errors.ts'
import { compareNames } from './dtypes.ts'
import { planLayout, storedBytes, type TensorsToWrite, type TensorToWrite, tensorEntries } from './layout.ts'
import { type WriteOptions, writeLayout } from './writer.ts'

export interface WriteShardedOptions extends WriteOptions {
  /** A shard holds at most this many bytes of tensors; a larger tensor gets a shard of its own. Default 5e9. */
  maxShardBytes?: number
}

/** What `writeSharded` made: file names inside the directory. */
export interface WrittenShards {
  files: string[]
  /** Undefined when everything fitted into one file. */
  index: string | undefined
  /** Bytes of all tensors. */
  totalBytes: number
}

const shardName = /^model-\d{5}-of-\d{5}\.safetensors$/
const singleName = 'model.safetensors'
const indexName = 'model.safetensors.index.json'

/** Groups names in their given order: the current shard is closed when the next tensor would not fit into it. */
export function planShards(
  sizes: readonly (readonly [name: string, bytes: number])[],
  maxBytes: number,
): string[][] {
  if (!(maxBytes > 0)) throw new InvalidArgumentError(`maxShardBytes must be above 0, not ${maxBytes}`)
  const shards: string[][] = []
  let current: string[] = []
  let currentBytes = 0
  for (const [name, bytes] of sizes) {
    if (bytes > maxBytes) {
      shards.push([name])
      continue
    }
    if (currentBytes + bytes > maxBytes) {
      shards.push(current)
      current = []
      currentBytes = 0
    }
    current.push(name)
    currentBytes += bytes
  }
  if (current.length > 0 || shards.length === 0) shards.push(current)
  return shards
}

/** The index file's text: two-space JSON with sorted names and a final newline. */
export function shardIndexText(weightMap: ReadonlyMap<string, string>, totalBytes: number): string {
  const lines = [...weightMap]
    .sort(([a], [b]) => compareNames(a, b))
    .map(([name, file]) => `    ${asciiJson(name)}: ${asciiJson(file)}`)
  const map = lines.length > 0 ? `{\n${lines.join(',\n')}\n  }` : '{}'
  return `{\n  "metadata": {\n    "total_size": ${totalBytes}\n  },\n  "weight_map": ${map}\n}\n`
}

/**
 * Writes a checkpoint into a directory (Node only; it is made when missing): one `model.safetensors` when it fits, else
 * shards and an index. All files appear only after all are whole; shards of an earlier, differently split checkpoint in
 * the same directory are then removed, as transformers does. `metadata` defaults to `{ format: 'pt' }`.
 * Throws `ResourceError` or `InvalidArgumentError`.
 */
export async function writeSharded(
  directory: string,
  tensors: TensorsToWrite,
  { maxShardBytes = 5e9, metadata = { format: 'pt' }, ...options }: WriteShardedOptions = {},
): Promise<WrittenShards> {
  const entries = tensorEntries(tensors)
  const sizes = entries.map(([name, tensor]) => [name, storedBytes(tensor, options.dtype)] as const)
  const totalBytes = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  const shards = planShards(sizes, maxShardBytes)
  const byName = new Map<string, TensorToWrite>(entries)
  const files = shards.map((_, i) => (shards.length === 1 ? singleName : numbered(i + 1, shards.length)))
  const index = shards.length > 1 ? indexName : undefined
  await makeDirectory(directory)
  const pending: AtomicFile[] = []
  const weightMap = new Map<string, string>()
  try {
    for (const [i, names] of shards.entries()) {
      const name = files[i]!
      for (const tensor of names) weightMap.set(tensor, name)
      const file = await createAtomicFile(`${directory}/${name}`, options)
      pending.push(file)
      const shard = names.map((tensor) => [tensor, byName.get(tensor)!] as const)
      await writeLayout(file, planLayout(shard, { metadata, dtype: options.dtype }), name, options)
    }
    if (index) {
      const file = await createAtomicFile(`${directory}/${index}`, options)
      pending.push(file)
      await file.write(new TextEncoder().encode(shardIndexText(weightMap, totalBytes)))
    }
    options.signal?.throwIfAborted()
    for (const file of pending) await file.commit()
  } finally {
    for (const file of pending) await file.discard()
  }
  for (const name of await listDirectory(directory)) {
    const isOurs = shardName.test(name) || name === singleName || name === indexName
    if (isOurs && !files.includes(name) && name !== index) await removeFile(`${directory}/${name}`)
  }
  return { files, index, totalBytes }
}

function numbered(i: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, '0')
  return `model-${digits(i)}-of-${digits(count)}.safetensors`
}

/** As Python's json.dumps: everything outside ASCII is escaped. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
