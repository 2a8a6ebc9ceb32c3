// Where bytes come from: one small interface over memory, Blobs, files and HTTP, read by range.

import { InvalidArgumentError, ResourceError } from '../errors.ts'

/**
 * Bytes that can be read by range without holding the whole. Offsets and sizes are in bytes.
 * Sources that fail throw `ResourceError`; a cancelled signal throws its own reason.
 */
export interface ByteSource {
  /** What to call it in messages: a path, a URL, "buffer". */
  readonly name: string
  /** Total number of bytes. */
  size(signal?: AbortSignal): Promise<number>
  /** The bytes in [start, end), always a fresh copy of exactly `end - start` bytes. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>
  /** Fills `target` with the bytes from `start` on, with no copy in between, where the source can. */
  readInto?(target: Uint8Array, start: number, signal?: AbortSignal): Promise<void>
  /** Releases what the source holds (a file handle). Reading afterwards may open it again. */
  close?(): Promise<void>
}

/** How far a transfer is. `loaded` and `total` are in bytes; `total` is undefined when nobody knows it. */
export interface TransferProgress {
  file: string
  loaded: number
  total: number | undefined
}

const copyChunkBytes = 16 * 2 ** 20

/** Throws unless 0 <= start <= end <= size. */
export function checkRange(name: string, start: number, end: number, size: number): void {
  if (
    !(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size)
  ) {
    throw new InvalidArgumentError(`${name}: bytes ${start} to ${end} are not a range of its ${size} bytes`)
  }
}

/** A zeroed byte array, or a `ResourceError` that says for what the memory was wanted. */
export function allocateBytes(length: number, purpose: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new ResourceError(
      `Not enough memory for the ${length} bytes of ${purpose}; free memory and try again`,
      {
        cause,
      },
    )
  }
}

/** Fills `target` from any source; sources without `readInto` are copied in pieces of 16 MiB. */
export async function readIntoFrom(
  source: ByteSource,
  target: Uint8Array,
  start: number,
  signal?: AbortSignal,
): Promise<void> {
  if (source.readInto) return source.readInto(target, start, signal)
  for (let done = 0; done < target.length; done += copyChunkBytes) {
    signal?.throwIfAborted()
    const stop = Math.min(done + copyChunkBytes, target.length)
    target.set(await source.read(start + done, start + stop, signal), done)
  }
}

/** Bytes already in memory. They are not copied until read, so they must not change. */
export function bytesSource(data: ArrayBuffer | Uint8Array, name = 'buffer'): ByteSource {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data)
  return {
    name,
    async size() {
      return bytes.length
    },
    async read(start, end, signal) {
      signal?.throwIfAborted()
      checkRange(name, start, end, bytes.length)
      const copy = allocateBytes(end - start, name)
      copy.set(bytes.subarray(start, end))
      return copy
    },
    async readInto(target, start, signal) {
      signal?.throwIfAborted()
      checkRange(name, start, start + target.length, bytes.length)
      target.set(bytes.subarray(start, start + target.length))
    },
  }
}

/** A Blob or a `File` that the user picked; only the ranges asked for are read. */
export function blobSource(blob: Blob, name?: string): ByteSource {
  const label = name ?? (typeof File !== 'undefined' && blob instanceof File ? blob.name : 'blob')
  return {
    name: label,
    async size() {
      return blob.size
    },
    async read(start, end, signal) {
      signal?.throwIfAborted()
      checkRange(label, start, end, blob.size)
      let buffer: ArrayBuffer
      try {
        buffer = await blob.slice(start, end).arrayBuffer()
      } catch (cause) {
        throw new ResourceError(`${label} could not be read; was it moved or changed since it was picked?`, {
          cause,
        })
      }
      signal?.throwIfAborted()
      if (buffer.byteLength !== end - start) {
        throw new ResourceError(
          `${label}: asked for ${end - start} bytes at ${start}, got ${buffer.byteLength}`,
        )
      }
      return new Uint8Array(buffer)
    },
  }
}
