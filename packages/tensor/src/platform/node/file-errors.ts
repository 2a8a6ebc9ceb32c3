// Node's file errors as typed errors that say what to do.

import { PS3Error, ResourceError } from '../../errors.ts'

const advice: Record<string, string> = {
  ENOSPC: 'the disk is full; free some space and start again, or choose another place',
  EDQUOT: 'the disk quota is used up; free some space and start again, or choose another place',
  EFBIG: 'the file is larger than this file system or process may write; choose another place',
  EACCES: 'permission denied; check who owns it and its permissions, or choose another place',
  EPERM: 'the operation is not permitted; check who owns it and its permissions, or choose another place',
  EROFS: 'the file system is read-only; choose another place',
  EISDIR: 'there is a directory in its place; name a file',
  ENOTEMPTY: 'there is a directory in its place that is not empty; choose another place',
  ENOTDIR: 'a part of the path is a file, not a directory; check the path',
  ENOENT: 'there is no such file or directory; check the path',
  EEXIST: 'there is a file in its place; choose another place',
  EMFILE: 'too many files are open; close some or raise the limit (ulimit -n)',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its symbolic links go round in a circle',
  EIO: 'the device reports an input/output error; check the disk',
}

/** The `code` of a Node system error, if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/**
 * What to throw for a failed file operation: a `ResourceError` such as "cannot write /x/y: the disk is full; …". Aborts,
 * typed errors and errors that are none of the file system's come back as they are.
 */
export function fileError(error: unknown, action: string, path: string): unknown {
  const code = errorCode(error)
  if (error instanceof PS3Error || code === undefined || code === 'ABORT_ERR') return error
  return new ResourceError(
    `cannot ${action} ${path}: ${advice[code] ?? (error as Error).message} (${code})`,
    {
      cause: error,
    },
  )
}
