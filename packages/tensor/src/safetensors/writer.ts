// Writing safetensors files, byte for byte as the Python library's save_file does: in memory, or streamed to a file that
// appears under its name only when it is whole.

import { createAtomicFile } from '#platform'
import { InvalidArgumentError } from '../errors.ts'
import { allocateBytes, type TransferProgress } from './byte-source.ts'
import {
  encodeTensor,
  type LayoutOptions,
  planLayout,
  type SafetensorsLayout,
  type TensorsToWrite,
} from './layout.ts'

export interface WriteOptions extends LayoutOptions {
  signal?: AbortSignal
  /** Called after each piece with bytes written so far and in all. */
  onProgress?: (progress: TransferProgress) => void
}

/** A whole file in memory; every tensor's data must be at hand. Throws `InvalidArgumentError`. */
export function serializeSafetensors(
  tensors: TensorsToWrite,
  metadata?: Readonly<Record<string, string>>,
  options: Pick<LayoutOptions, 'dtype'> = {},
): Uint8Array<ArrayBuffer> {
  const layout = planLayout(tensors, { ...options, metadata })
  const file = allocateBytes(layout.totalBytes, 'the serialized tensors')
  file.set(layout.header)
  let offset = layout.header.length
  for (const entry of layout.entries) {
    if (typeof entry.data === 'function') {
      throw new InvalidArgumentError(
        `tensor ${JSON.stringify(entry.name)} is fetched on demand: use writeSafetensors, or pass its data`,
      )
    }
    for (const piece of encodeTensor(entry, entry.data)) {
      file.set(piece, offset)
      offset += piece.length
    }
  }
  return file
}

/**
 * Streams a file to disk (Node only). It is written beside its place and renamed when whole, so a failure, a full disk
 * or a cancelled signal leaves neither a half file nor a damaged old one. Throws `ResourceError` or `InvalidArgumentError`.
 */
export async function writeSafetensors(
  path: string,
  tensors: TensorsToWrite,
  options: WriteOptions = {},
): Promise<void> {
  const layout = planLayout(tensors, options)
  const file = await createAtomicFile(path, options)
  try {
    await writeLayout(file, layout, path, options)
    await file.commit()
  } finally {
    await file.discard()
  }
}

/** Writes a planned file piece by piece. */
export async function writeLayout(
  file: { write(bytes: Uint8Array): Promise<void> },
  layout: SafetensorsLayout,
  name: string,
  { signal, onProgress }: Pick<WriteOptions, 'signal' | 'onProgress'>,
): Promise<void> {
  let loaded = 0
  const put = async (piece: Uint8Array) => {
    signal?.throwIfAborted()
    await file.write(piece)
    loaded += piece.length
    onProgress?.({ file: name, loaded, total: layout.totalBytes })
  }
  await put(layout.header)
  for (const entry of layout.entries) {
    signal?.throwIfAborted()
    const view = typeof entry.data === 'function' ? await entry.data() : entry.data
    for (const piece of encodeTensor(entry, view)) await put(piece)
  }
}
