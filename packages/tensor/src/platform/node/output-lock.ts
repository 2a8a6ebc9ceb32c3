// One writer at a time: a file beside what is written, or in it when it is a folder, says which process that is. A
// process that was killed leaves its file behind; whoever comes next sees that it is dead and takes its place.

import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ResourceError } from '../../errors.ts'
import { errorCode, fileError } from './file-errors.ts'

/** The right to write somewhere. Disposing lets others in. */
export interface OutputLock extends AsyncDisposable {
  /** Lets others in. May be called again. */
  release(): Promise<void>
}

interface Writer {
  process: number
  host: string
  /** When the process started, as its system counts; numbers of processes are used again. Null where it does not say. */
  started: string | null
}

/** A file that was just made is filled within this time, or its process was killed in between (milliseconds). */
const FILLED_WITHIN = 500
const LOOK_AGAIN = 20

/**
 * Takes the right to write `output`, a folder that exists or a file that may not.
 *
 * @throws ResourceError naming the process that has it, or when the lock cannot be written
 */
export async function lockOutput(output: string): Promise<OutputLock> {
  const isFolder = await stat(output).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const file = isFolder ? join(resolve(output), '.lock') : `${resolve(output)}.lock`
  const own = `${JSON.stringify(await thisWriter())}\n`
  while (!(await create(file, own))) {
    const text = await readFilled(file)
    if (text === null) continue
    const other = parseWriter(text)
    if (other && (await isAlive(other))) throw inUse(output, file, other)
    await removeStale(file, text)
  }
  let isHeld = true
  async function release(): Promise<void> {
    if (!isHeld) return
    isHeld = false
    // Someone may have removed the file by hand, and someone else made it anew.
    if ((await readFile(file, 'utf8').catch(() => null)) === own) await rm(file, { force: true })
  }
  return { release, [Symbol.asyncDispose]: release }
}

async function thisWriter(): Promise<Writer> {
  return { process: process.pid, host: hostname(), started: (await startOf(process.pid)) ?? null }
}

/** False when there is a file already. */
async function create(file: string, text: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx')
    try {
      await handle.writeFile(text)
    } catch (error) {
      await rm(file, { force: true })
      throw error
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw fileError(error, 'write', file)
  }
}

/** What the file says; null when it is gone. */
async function readFilled(file: string): Promise<string | null> {
  for (let waited = 0; ; waited += LOOK_AGAIN) {
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null
      throw fileError(error, 'read', file)
    }
    if (parseWriter(text) || waited >= FILLED_WITHIN) return text
    await delay(LOOK_AGAIN)
  }
}

function parseWriter(text: string): Writer | null {
  try {
    const value = JSON.parse(text) as Partial<Writer> | null
    const isSound = Number.isSafeInteger(value?.process) && typeof value?.host === 'string'
    return isSound ? (value as Writer) : null
  } catch {
    return null
  }
}

/** True where that cannot be known: on another machine. */
async function isAlive({ process: id, host, started }: Writer): Promise<boolean> {
  if (host !== hostname()) return true
  try {
    process.kill(id, 0)
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
  const now = await startOf(id)
  return now === null || started === null || now === started
}

/** When a process started, in Linux's ticks; null where there is no /proc, '' when it is dead. */
async function startOf(id: number): Promise<string | null> {
  if (process.platform !== 'linux') return null
  const text = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => null)
  if (text === null) return ''
  // The name in brackets may hold anything; behind it the third field is the state, the 22nd the start.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19]!
}

/** Removes the file of a dead process, unless it is another's by now: renamed first, then looked at. */
async function removeStale(file: string, text: string): Promise<void> {
  const aside = `${file}.${randomUUID().slice(0, 8)}`
  try {
    await rename(file, aside)
    const taken = await readFile(aside, 'utf8')
    if (taken !== text) await writeFile(file, taken, { flag: 'wx' })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'EEXIST') throw fileError(error, 'remove', file)
  } finally {
    await rm(aside, { force: true })
  }
}

function inUse(output: string, file: string, { process: id, host }: Writer): ResourceError {
  if (host !== hostname()) {
    return new ResourceError(
      `${output} is being written by process ${id} on the machine ${host}: wait for it or choose another place; if it does not run any more, remove ${file}`,
    )
  }
  const who = id === process.pid ? `${id}, which is this one` : `${id}`
  return new ResourceError(
    `${output} is being written by process ${who}: wait until it ends, stop it (kill ${id}), or choose another place`,
  )
}
