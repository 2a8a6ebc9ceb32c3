// What can go wrong with a disk, as errors that say what to do, and flushing names to it.

import { open } from 'node:fs/promises'
import { ResourceError } from '@ps3js/tensor'

const REASONS: Record<string, string> = {
  EACCES: 'permission denied; choose another place or change its permissions',
  EPERM: 'permission denied; choose another place or change its permissions',
  EROFS: 'the file system is read-only; choose another place',
  ENOSPC: 'the disk is full; free some space and start again: what is complete is kept',
  EDQUOT: 'the disk quota is used up; free some space and start again: what is complete is kept',
  EFBIG: 'the file would be larger than allowed here; lower the size of a shard',
  EMFILE: 'too many files are open; lower the concurrency or raise `ulimit -n`',
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of the path is a file, not a directory',
  EISDIR: 'there is a directory in its place',
  EEXIST: 'there is a file in its place',
}

/** A `ResourceError` for a failed file operation; what is no such failure comes back as it is. */
export function diskProblem(error: unknown, doing: string, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code
  const reason = code === undefined ? undefined : REASONS[code]
  return reason ? new ResourceError(`cannot ${doing} ${path}: ${reason}`, { cause: error }) : error
}

/** Runs one file operation; its failure names the path. */
export async function onDisk<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw diskProblem(error, doing, path)
  }
}

/** Flushes a directory, so that renames in it outlast a power cut. Windows cannot and need not. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await onDisk('flush', path, async () => {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}
