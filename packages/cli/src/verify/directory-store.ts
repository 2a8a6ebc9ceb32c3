// Recorded cases in a directory.

import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { ResourceError } from '@ps3js/tensor'
import { type FixtureStore, namesIn } from './store.ts'

/** Paths of all files below a directory, with forward slashes. Throws ResourceError when it cannot be read. */
export async function filesBelow(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort()
  } catch (error) {
    throw new ResourceError(`cannot read the directory ${directory}: check the path`, { cause: error })
  }
}

export async function directoryStore(directory: string): Promise<FixtureStore> {
  const files = await filesBelow(directory)
  return {
    location: directory,
    list: async (folder) => namesIn(files, folder),
    async readBytes(path) {
      try {
        return new Uint8Array(await readFile(join(directory, path)))
      } catch (error) {
        throw new ResourceError(`${directory}/${path} is missing or cannot be read`, { cause: error })
      }
    },
  }
}
