// The file system and the process, as far as a run needs them.

import { mkdir } from 'node:fs/promises'
import { fileError } from '@ps3js/tensor'

/** Bytes of memory that this process holds. */
export const memoryBytes = (): number | undefined => process.memoryUsage.rss()

/** Makes a directory and those above it. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error) => {
    throw fileError(error, 'make the directory', path)
  })
}
