// What every command is given: where to print, and how it is cancelled. Tests pass their own.

import { Progress } from './progress.ts'

export interface CliContext {
  stdout: (text: string) => void
  stderr: (text: string) => void
  progress: Progress
  signal: AbortSignal
  /** Where a conversation is typed. */
  stdin: NodeJS.ReadableStream
  /** How to start this command line again as a child: program and leading arguments. */
  self: readonly [string, ...string[]]
}

/** The terminal's own: progress only where stderr is one. */
export function processContext(signal: AbortSignal): CliContext {
  const stderr = (text: string) => void process.stderr.write(text)
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr,
    progress: new Progress(process.stderr.isTTY ? stderr : null, () => process.stderr.columns ?? 80),
    signal,
    stdin: process.stdin,
    self: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
  }
}
