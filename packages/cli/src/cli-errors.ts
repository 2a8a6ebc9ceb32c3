// Errors as a person at a terminal should see them: one line that says what to do, and an exit status.

import { PS3Error } from '@ps3js/tensor'
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
