// One lazy view over a checkpoint, whether it is a single safetensors file or shards with an index.
// Index layout: transformers' model.safetensors.index.json (metadata.total_size, weight_map).

import { pathKind } from '#platform'
import { CheckpointError, InvalidArgumentError, ResourceError } from '../errors.ts'
import type { ByteSource } from '../safetensors/byte-source.ts'
import type { SafetensorsArray } from '../safetensors/dtypes.ts'
import type { StoredTensorInfo } from '../safetensors/header.ts'
import { type JsonValue, parseStrictJson, shorten } from '../safetensors/json.ts'
import { openSafetensors, type ReadFloat32Options, type SafetensorsFile } from '../safetensors/reader.ts'
import { checkFileName, type PretrainedFiles, type PretrainedOptions } from './files.ts'
import { resolvePretrained } from './resolve.ts'

const singleNames = ['model.safetensors']
const indexNames = ['model.safetensors.index.json']

export interface OpenCheckpointOptions extends PretrainedOptions {
  /** The file to open among several: a safetensors file or an index. Default: model.safetensors, else its index. */
  filename?: string
}

/** All tensors of a checkpoint. Methods that name a tensor throw `CheckpointError` when it isn't there. */
export interface Checkpoint {
  /** Where it came from, for messages. */
  readonly name: string
  /** The `__metadata__` of the (first) file. */
  readonly metadata: Readonly<Record<string, string>>
  names(): string[]
  has(name: string): boolean
  /** Type, shape and size in bytes. */
  info(name: string): StoredTensorInfo
  /** The bytes as stored. */
  read(name: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>
  /** The elements as stored. */
  readTyped(name: string, signal?: AbortSignal): Promise<SafetensorsArray>
  /** The elements as float32; see `SafetensorsFile.readFloat32`. */
  readFloat32(name: string, options?: ReadFloat32Options): Promise<Float32Array>
  close(): Promise<void>
}

/**
 * Opens a checkpoint: a path or URL of a safetensors file, of an index or of the folder with either; a hub name; files
 * already resolved; or a source of bytes. With an index, every shard is opened and must hold the tensors that the index
 * promises. Throws `CheckpointError` for malformed files and `ResourceError` for missing ones.
 */
export async function openCheckpoint(
  from: string | PretrainedFiles | ByteSource,
  options: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  if (typeof from === 'string') {
    const { ref, filename } = await splitReference(from)
    const files = await resolvePretrained(ref, options)
    return openFrom(files, filename ?? options.filename, options.signal)
  }
  if ('read' in from) return single(await openSafetensors(from, options))
  return openFrom(from, options.filename, options.signal)
}

/** Separates a file name from the folder it is in. */
async function splitReference(ref: string): Promise<{ ref: string; filename?: string }> {
  const isUrl = /^https?:\/\//i.test(ref)
  if (isUrl ? !/\.(safetensors|json)(\?|$)/.test(ref) : (await pathKind(ref)) !== 'file') return { ref }
  const [path, query = ''] = isUrl ? ref.split(/(?=\?)/) : [ref]
  const cut = Math.max(path!.lastIndexOf('/'), isUrl ? 0 : path!.lastIndexOf('\\'))
  if (cut < 0) return { ref: '.', filename: path }
  const filename = path!.slice(cut + 1)
  return { ref: path!.slice(0, cut + 1) + query, filename: isUrl ? decodeURIComponent(filename) : filename }
}

async function openFrom(
  files: PretrainedFiles,
  filename?: string,
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const name = filename ?? (await findWeights(files))
  if (name.endsWith('.json')) return openSharded(files, name, signal)
  return single(await openSafetensors(await files.open(name), { signal }))
}

async function findWeights(files: PretrainedFiles): Promise<string> {
  for (const name of [...singleNames, ...indexNames]) if (await files.has(name)) return name
  for (const name of ['pytorch_model.bin', 'open_clip_pytorch_model.bin']) {
    if (!(await files.has(name))) continue
    throw new ResourceError(
      `${files.location} holds only ${name}, a pickle file, which is not read because it can run code; convert it to safetensors`,
    )
  }
  throw new ResourceError(
    `${files.location} holds neither ${singleNames[0]} nor ${indexNames[0]}; name the file if it is called otherwise`,
  )
}

function single(file: SafetensorsFile): Checkpoint {
  const { name } = file.source
  return view(name, new Map(file.names().map((tensor) => [tensor, file])), [file])
}

async function openSharded(
  files: PretrainedFiles,
  indexName: string,
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const where = `${files.location}/${indexName}`
  const weightMap = parseIndex(await files.readText(indexName), where)
  const folder = indexName.includes('/') ? indexName.slice(0, indexName.lastIndexOf('/') + 1) : ''
  const shards = new Map<string, SafetensorsFile>()
  try {
    for (const shard of new Set(weightMap.values())) {
      signal?.throwIfAborted()
      shards.set(shard, await openSafetensors(await openShard(files, folder + shard, where), { signal }))
    }
    const owners = new Map<string, SafetensorsFile>()
    const missing: string[] = []
    for (const [tensor, shard] of weightMap) {
      const file = shards.get(shard)!
      if (file.has(tensor)) owners.set(tensor, file)
      else missing.push(`${JSON.stringify(shorten(tensor))} (${shard})`)
    }
    if (missing.length > 0) {
      const list = missing.length > 10 ? `${missing.slice(0, 10).join(', ')}, …` : missing.join(', ')
      throw new CheckpointError(
        `${where} names ${missing.length} of ${weightMap.size} tensors that its shards do not hold: ${list}; download them again`,
      )
    }
    return view(where, owners, [...shards.values()])
  } catch (error) {
    for (const file of shards.values()) await file.close()
    throw error
  }
}

async function openShard(files: PretrainedFiles, name: string, where: string): Promise<ByteSource> {
  if (await files.has(name)) return files.open(name)
  throw new CheckpointError(
    `${where} names the shard ${name}, which is missing; download the checkpoint again`,
  )
}

function parseIndex(text: string, where: string): Map<string, string> {
  let index: JsonValue
  try {
    index = parseStrictJson(text)
  } catch (cause) {
    throw new CheckpointError(`${where} is not a valid index: ${(cause as Error).message}`, { cause })
  }
  const map = index instanceof Map ? index.get('weight_map') : undefined
  if (!(map instanceof Map))
    throw new CheckpointError(`${where} has no weight_map that maps tensors to files`)
  const weightMap = new Map<string, string>()
  for (const [tensor, file] of map) {
    const label = `${where}: tensor ${JSON.stringify(shorten(tensor))}`
    if (typeof file !== 'string') throw new CheckpointError(`${label} must be mapped to a file name`)
    try {
      checkFileName(file)
    } catch (cause) {
      if (!(cause instanceof InvalidArgumentError)) throw cause
      throw new CheckpointError(
        `${label} is mapped to ${JSON.stringify(shorten(file))}, which is no file name`,
        { cause },
      )
    }
    weightMap.set(tensor, file)
  }
  return weightMap
}

function view(
  name: string,
  owners: ReadonlyMap<string, SafetensorsFile>,
  files: readonly SafetensorsFile[],
): Checkpoint {
  function owner(tensor: string): SafetensorsFile {
    const file = owners.get(tensor)
    if (file) return file
    throw new CheckpointError(
      `${name} holds no tensor ${JSON.stringify(shorten(tensor))} among its ${owners.size}`,
    )
  }
  return {
    name,
    metadata: files[0]?.metadata ?? {},
    names: () => [...owners.keys()],
    has: (tensor) => owners.has(tensor),
    info: (tensor) => owner(tensor).info(tensor),
    read: async (tensor, signal) => owner(tensor).read(tensor, signal),
    readTyped: async (tensor, signal) => owner(tensor).readTyped(tensor, signal),
    readFloat32: async (tensor, options) => owner(tensor).readFloat32(tensor, options),
    async close() {
      for (const file of files) await file.close()
    },
  }
}
