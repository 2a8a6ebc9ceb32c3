// A local file as a ByteSource: reads go straight into the caller's memory.

import { type FileHandle, open, stat } from 'node:fs/promises'
import { ResourceError } from '../../errors.ts'
import { allocateBytes, type ByteSource, checkRange } from '../../safetensors/byte-source.ts'
import { fileError } from './file-errors.ts'

/** Bytes per system call: small enough to notice a cancelled signal, large enough to read at the disk's speed. */
const pieceBytes = 64 * 2 ** 20

/**
 * A local file (Node only). It is opened on the first read and held until `close()`; a later read opens it again.
 * Throws `ResourceError` when it is missing, unreadable, a directory, or shrinks while being read.
 */
export function fileSource(path: string): ByteSource {
  let handle: Promise<FileHandle> | undefined

  function opened(): Promise<FileHandle> {
    if (!handle) {
      const pending: Promise<FileHandle> = open(path, 'r').catch((error: unknown) => {
        if (handle === pending) handle = undefined
        throw fileError(error, 'open', path)
      })
      handle = pending
    }
    return handle
  }

  async function size(): Promise<number> {
    try {
      const found = await stat(path)
      if (found.isDirectory()) throw Object.assign(new Error('directory'), { code: 'EISDIR' })
      return found.size
    } catch (error) {
      throw fileError(error, 'read', path)
    }
  }

  async function readInto(target: Uint8Array, start: number, signal?: AbortSignal): Promise<void> {
    const file = await opened()
    for (let done = 0; done < target.length; ) {
      signal?.throwIfAborted()
      const wanted = Math.min(pieceBytes, target.length - done)
      let bytesRead: number
      try {
        ;({ bytesRead } = await file.read(target, done, wanted, start + done))
      } catch (error) {
        throw fileError(error, 'read', path)
      }
      if (bytesRead === 0) {
        throw new ResourceError(
          `${path} ended at byte ${start + done} while byte ${start + target.length} was wanted; is something writing to it?`,
        )
      }
      done += bytesRead
    }
  }

  return {
    name: path,
    size,
    async read(start, end, signal) {
      signal?.throwIfAborted()
      checkRange(path, start, end, await size())
      const bytes = allocateBytes(end - start, path)
      await readInto(bytes, start, signal)
      return bytes
    },
    readInto,
    async close() {
      const pending = handle
      handle = undefined
      await (await pending?.catch(() => undefined))?.close()
    },
  }
}
