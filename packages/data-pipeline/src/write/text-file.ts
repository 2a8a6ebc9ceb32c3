// A text file written line by line that appears under its name only when it is whole.

import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { onDisk, syncDirectory } from './disk.ts'

const BATCH = 2 ** 16

/** Writes JSON lines in constant memory. @throws ResourceError when the disk is full; the file is then as it was */
export async function writeLines(path: string, lines: AsyncIterable<unknown>): Promise<void> {
  const temporary = `${path}.tmp`
  const file = await onDisk('write', path, () => open(temporary, 'w'))
  try {
    let batch = ''
    for await (const line of lines) {
      batch += `${JSON.stringify(line)}\n`
      if (batch.length < BATCH) continue
      await append(file, path, batch)
      batch = ''
    }
    await append(file, path, batch)
    await onDisk('write', path, () => file.sync())
  } catch (error) {
    await file.close()
    await rm(temporary, { force: true })
    throw error
  }
  await file.close()
  await onDisk('write', path, () => rename(temporary, path))
  await syncDirectory(dirname(path))
}

const append = (file: FileHandle, path: string, text: string) =>
  onDisk('write', path, () => file.appendFile(text))
