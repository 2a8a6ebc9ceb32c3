// Failed file operations as errors that say what to do.

import { ResourceError } from '@ps3js/tensor'

const REASONS: Record<string, string> = {
  EACCES: 'permission denied; choose another place or change its permissions',
  EROFS: 'the file system is read-only; choose another place',
  ENOSPC: 'the disk is full; free some space and resume',
  EDQUOT: 'the disk quota is used up; free some space and resume',
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of the path is a file, not a directory',
  EEXIST: 'there is a file in its place',
}

/** A ResourceError for a failed file operation; other errors come back as they are. */
export function fileProblem(error: unknown, doing: string, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code
  const reason = code === undefined ? undefined : REASONS[code]
  if (reason === undefined) return error
  return new ResourceError(`cannot ${doing} ${path}: ${reason} (${code})`, { cause: error })
}
