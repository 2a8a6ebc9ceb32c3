// The file system and the process, as far as a run needs them.

import { mkdir } from 'node:fs/promises'
import { fileProblem } from './file-problem.ts'

/** Bytes of memory that this process holds. */
export const memoryBytes = (): number | undefined => process.memoryUsage.rss()

/** Makes a directory and those above it. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error) => {
    throw fileProblem(error, 'make the directory', path)
  })
}
