// Files that appear under their name only when they are whole: written beside it, flushed, then renamed.

import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileError } from './file-errors.ts'

/** A file being written. Until `commit` nothing is visible under its name. */
export interface AtomicFile {
  /** Appends. */
  write(bytes: Uint8Array): Promise<void>
  /** Flushes to disk and puts the file in its place, replacing an older one. */
  commit(): Promise<void>
  /** Removes what was written. Does nothing after `commit`. */
  discard(): Promise<void>
}

/** Starts a file. Throws `ResourceError` when the place can't be written to. */
export async function createAtomicFile(
  path: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<AtomicFile> {
  signal?.throwIfAborted()
  // A symbolic link is written through, as an ordinary write would.
  const target = await realpath(path).catch(() => path)
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID().slice(0, 8)}.tmp`)
  let handle: FileHandle | undefined
  try {
    if ((await stat(target).catch(() => undefined))?.isDirectory()) {
      throw Object.assign(new Error('directory'), { code: 'EISDIR' })
    }
    handle = await open(temporary, 'wx')
  } catch (error) {
    throw fileError(error, 'write', path)
  }
  let isDone = false

  async function discard(): Promise<void> {
    if (isDone) return
    isDone = true
    await handle?.close().catch(() => {})
    await rm(temporary, { force: true }).catch(() => {})
  }

  async function attempt(step: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      signal?.throwIfAborted()
      await step(handle!)
    } catch (error) {
      await discard()
      throw fileError(error, 'write', path)
    }
  }

  return {
    write: (bytes) =>
      attempt(async (file) => {
        for (let done = 0; done < bytes.length; ) {
          done += (await file.write(bytes, done, bytes.length - done)).bytesWritten
        }
      }),
    commit: () =>
      attempt(async (file) => {
        await file.sync()
        await file.close()
        await rename(temporary, target)
        isDone = true
      }),
    discard,
  }
}

/**
 * Writes a whole file so that it is either complete or as it was before (Node only).
 * Throws `ResourceError` with what to do (full disk, no permission, a directory in its place), or the signal's reason.
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const file = await createAtomicFile(path, options)
  try {
    await file.write(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes)
    await file.commit()
  } finally {
    await file.discard()
  }
}

/** Makes a directory and those above it. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw fileError(error, 'make the directory', path)
  }
}

/** Names in a directory. */
export async function listDirectory(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    throw fileError(error, 'list', path)
  }
}

/** Removes a file; a missing one is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw fileError(error, 'remove', path)
  }
}
