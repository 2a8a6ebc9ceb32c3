// Runs one external program: cancellable, its output kept for the error message.
import { spawn } from 'node:child_process'
import { BackendError } from '../errors.ts'

export interface CommandOptions {
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal
  timeoutMs?: number
  onLine?: (line: string) => void
}

export interface CommandResult {
  /** Exit code; -1 when the program could not be started or was killed. */
  code: number
  stdout: string
  /** The last lines of both streams. */
  tail: string
}

const TAIL_LINES = 25

/** Never rejects for a failing program, only for an abort. */
export async function runCommand(
  command: string,
  args: readonly string[],
  { env, signal, timeoutMs, onLine }: CommandOptions = {},
): Promise<CommandResult> {
  signal?.throwIfAborted()
  const stdout: string[] = []
  const last: string[] = []
  const code = await new Promise<number>((resolve) => {
    const child = spawn(command, args, {
      env: env ?? process.env,
      signal,
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const collect = (stream: NodeJS.ReadableStream, keep?: string[]) => {
      let rest = ''
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        const lines = (rest + chunk).split(/\r?\n|\r/)
        rest = lines.pop() ?? ''
        for (const line of lines) take(line, keep)
      })
      stream.on('end', () => rest && take(rest, keep))
    }
    const take = (line: string, keep?: string[]) => {
      keep?.push(line)
      last.push(line)
      if (last.length > TAIL_LINES) last.shift()
      onLine?.(line)
    }
    collect(child.stdout, stdout)
    collect(child.stderr)
    child.on('error', (error) => {
      last.push(error.message)
      resolve(-1)
    })
    child.on('close', (status) => resolve(status ?? -1))
  })
  signal?.throwIfAborted()
  return { code, stdout: stdout.join('\n'), tail: last.join('\n') }
}

/** Like `runCommand`, but a failure is a `BackendError` that starts with `what` and ends with the output. */
export async function mustRun(
  what: string,
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runCommand(command, args, options)
  if (result.code !== 0)
    throw new BackendError(`${what} (${command} ended with ${result.code}):\n${result.tail}`)
  return result
}
