// Errors as a person at a terminal should see them: one line that says what to do, and an exit status.

import { PS3Error, ResourceError } from '@ps3js/tensor'
import { CommanderError } from 'commander'

/** What the shell is told. 130 is what shells report for a program ended by Ctrl-C. */
export const EXIT = { ok: 0, failed: 1, usage: 2, cancelled: 130 } as const

/** The exit status for an error, and what to print on stderr (nothing when commander has printed already). */
export function explainError(error: unknown, debug: boolean): { status: number; text: string } {
  if (error instanceof CommanderError) {
    return { status: error.exitCode === 0 ? EXIT.ok : EXIT.usage, text: '' }
  }
  if (isAbort(error))
    return { status: EXIT.cancelled, text: 'ps3: cancelled; nothing was left half-written\n' }
  if (error instanceof PS3Error) {
    const text = debug ? (error.stack ?? error.message) : `ps3: ${error.message}`
    return { status: EXIT.failed, text: `${text}\n` }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (debug) return { status: EXIT.failed, text: `${stack}\n` }
  const message = error instanceof Error ? error.message : String(error)
  return {
    status: EXIT.failed,
    text: `ps3: unexpected error: ${message} (set DEBUG=ps3 for the stack)\n`,
  }
}

/** Whether the environment asks for stacks. */
export function isDebug(): boolean {
  return (process.env.DEBUG ?? '').split(/[\s,]+/).some((name) => name === 'ps3' || name === '*')
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

const REASONS: Record<string, string> = {
  EACCES: 'permission denied; choose another place or change its permissions',
  EPERM: 'permission denied; choose another place or change its permissions',
  EROFS: 'the file system is read-only; choose another place',
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'the disk quota is used up; free some space',
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of the path is a file, not a directory',
  EISDIR: 'there is a directory in its place',
  EEXIST: 'there is a file in its place',
  ENOTEMPTY: 'there is a directory in its place that is not empty',
}

/** A ResourceError for a failed file operation; other errors come back as they are. */
export function fileProblem(error: unknown, doing: string, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code
  const reason = code === undefined ? undefined : REASONS[code]
  if (reason === undefined) return error
  return new ResourceError(`cannot ${doing} ${path}: ${reason}`, { cause: error })
}
