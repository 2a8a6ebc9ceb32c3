// File operations whose failures name the path, and flushing names to the disk.

import { open } from 'node:fs/promises'
import { fileError } from '@ps3js/tensor'

/** Runs one file operation; its failure names the path. */
export async function onDisk<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fileError(error, doing, path)
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
