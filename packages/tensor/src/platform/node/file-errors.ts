// Node's file errors as typed errors that say what to do.

import { PS3Error, ResourceError } from '../../errors.ts'

const advice: Record<string, string> = {
  ENOSPC: 'the disk is full; free space or choose another folder',
  EDQUOT: 'the disk quota is used up; free space or choose another folder',
  EFBIG: 'the file is larger than this file system or process may write; choose another folder',
  EACCES: 'permission denied; check who owns it and its permissions',
  EPERM: 'the operation is not permitted; check who owns it and its permissions',
  EROFS: 'the file system is read-only; choose another folder',
  EISDIR: 'it is a directory; name a file',
  ENOTDIR: 'a part of the path is a file, not a directory; check the path',
  ENOENT: 'it does not exist; check the path',
  EEXIST: 'it exists already',
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

/** A `ResourceError` such as "Cannot write /x/y: the disk is full; …". Aborts and typed errors pass through unchanged. */
export function fileError(error: unknown, action: string, path: string): unknown {
  const code = errorCode(error)
  if (error instanceof PS3Error || code === undefined || code === 'ABORT_ERR') return error
  return new ResourceError(
    `Cannot ${action} ${path}: ${advice[code] ?? (error as Error).message} (${code})`,
    {
      cause: error,
    },
  )
}
