// Pretrained files in a local directory.

import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ResourceError } from '../../errors.ts'
import type { FilePlace } from '../../pretrained/files.ts'
import { errorCode, fileError } from './file-errors.ts'
import { fileSource } from './file-source.ts'

function expand(path: string): string {
  if (path.startsWith('file://')) return fileURLToPath(path)
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}

/** What is at a path, if anything. */
export async function pathKind(path: string): Promise<'file' | 'directory' | undefined> {
  try {
    return (await stat(expand(path))).isDirectory() ? 'directory' : 'file'
  } catch (error) {
    const code = errorCode(error)
    if (
      code === 'ENOENT' ||
      code === 'ENOTDIR' ||
      code === 'ENAMETOOLONG' ||
      code === 'ERR_INVALID_ARG_VALUE'
    ) {
      return undefined
    }
    throw fileError(error, 'look at', path)
  }
}

/** The files of a directory. */
export function directoryPlace(path: string): FilePlace {
  const root = resolve(expand(path))
  const at = (name: string) => join(root, name)
  return {
    kind: 'directory',
    describe: at,
    has: async (name) => (await pathKind(at(name))) === 'file',
    async open(name) {
      const kind = await pathKind(at(name))
      if (kind !== 'file') {
        const problem = kind === 'directory' ? 'is a directory, not a file' : 'does not exist'
        throw new ResourceError(
          `${at(name)} ${problem}; check that ${root} is the right directory and complete`,
        )
      }
      return fileSource(at(name))
    },
    hasDirectory: async (name) => (await pathKind(at(name))) === 'directory',
  }
}
