// Child processes: in the foreground with Ctrl-C handed on, or quietly with their output kept for a failure.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { root } from './workspace.mjs'

let interrupted = false

/** The environment of everything started here: the workspace's own tools first on the path. */
export function environment(more = {}) {
  const path = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? process.env.Path ?? ''}`
  return { ...process.env, PATH: path, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', ...more }
}

/** What ends everything after Ctrl-C, also where the child of the moment did not mind it. */
export class Interrupted extends Error {
  constructor() {
    super('cancelled')
  }
}

/** Runs in the foreground; gives the exit code, 128 + the signal's number when a signal ended it. */
export function run(file, args, { cwd = root, env = {} } = {}) {
  return start(file, args, { cwd, env: environment(env), stdio: 'inherit' }).ended
}

/** Throws after Ctrl-C. */
export function throwIfInterrupted() {
  if (interrupted) throw new Interrupted()
}

/** Runs without a word; throws with the last lines of the output when it fails. */
export async function runQuietly(what, file, args, { cwd = root, env = {} } = {}) {
  const { child, ended } = start(file, args, {
    cwd,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks = []
  child.stdout.on('data', (chunk) => chunks.push(chunk))
  child.stderr.on('data', (chunk) => chunks.push(chunk))
  const code = await ended
  if (interrupted) throw new Interrupted()
  if (code === 0) return
  const lines = Buffer.concat(chunks).toString('utf8').trimEnd().split('\n')
  throw new Error(
    `${lines.slice(-40).join('\n')}\n${what} failed (exit code ${code}); its last lines are above`,
  )
}

function start(file, args, options) {
  // Node refuses to start npm's .cmd files on Windows without a shell.
  const shell = process.platform === 'win32' && !/\.(exe|com)$/i.test(file)
  const child = spawn(file, args, { ...options, shell })
  // A terminal sends Ctrl-C to the whole group: wait for the child to tidy up. Others signal this process alone.
  const onInterrupt = () => {
    interrupted = true
  }
  const onTerminate = () => child.kill('SIGTERM')
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onTerminate)
  const ended = new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new Error(`${file} could not be started: ${cause.message}`, { cause })),
    )
    child.on('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)))
  }).finally(() => {
    process.off('SIGINT', onInterrupt)
    process.off('SIGTERM', onTerminate)
  })
  return { child, ended }
}
