// For tests: kills runs at random moments and takes them up again until they end.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { Random } from '../packages/tensor/src/index.ts'

/** What Node runs, to begin the run in a folder or to take it up: it prints a line for each step. */
export type Program = (directory: string) => readonly string[]

/** When to stop a program: so many milliseconds after so many steps. */
export interface Stop {
  steps: number
  delay: number
  signal: NodeJS.Signals
}

/** Runs it to its end, or until it is stopped. */
export async function runOnce(
  program: Program,
  directory: string,
  stop?: Stop,
): Promise<{ status: number | null; wasStopped: boolean; stderr: string }> {
  const child = spawn(process.execPath, program(directory))
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  let timer: NodeJS.Timeout | undefined
  let made = 0
  const stopWhenDue = () => {
    if (stop && made >= stop.steps) timer ??= setTimeout(() => child.kill(stop.signal), stop.delay)
  }
  child.stdout.on('data', (chunk) => {
    made += String(chunk).split('\n').length - 1
    stopWhenDue()
  })
  stopWhenDue()
  return new Promise((resolve) => {
    child.on('close', (status, by) => {
      clearTimeout(timer)
      resolve({ status, wasStopped: by === 'SIGKILL' || status === 130, stderr })
    })
  })
}

/**
 * Runs that were killed so often, together, end with the same bytes and the same logged steps as the one that ran through in
 * `whole`; gives back their folders, which lie in `directory`.
 */
export async function expectSameEnds(
  program: Program,
  { directory, whole, kills: wanted }: { directory: string; whole: string; kills: number },
): Promise<string[]> {
  const expected = await runFingerprint(whole)
  const logged = await loggedSteps(whole)
  const { folders, kills } = await killAndResume(program, (i) => join(directory, `killed-${i}`), {
    kills: wanted,
    random: new Random(wanted),
  })
  expect(kills).toBeGreaterThanOrEqual(wanted)
  for (const folder of folders) {
    expect(await runFingerprint(folder)).toEqual(expected)
    expect(await loggedSteps(folder)).toEqual(logged)
  }
  return folders
}

/** Kills the run at random moments until it was killed so often, in as many folders as that takes; gives back all. */
async function killAndResume(
  program: Program,
  folder: (i: number) => string,
  { kills: wanted, random }: { kills: number; random: Random },
): Promise<{ folders: string[]; kills: number }> {
  const folders: string[] = []
  let kills = 0
  while (kills < wanted) {
    const directory = folder(folders.length)
    folders.push(directory)
    for (;;) {
      // A step takes some 50 ms, a checkpoint as long again; without steps the kill meets the start.
      const stop = { steps: random.integer(5), delay: random.uniform() * 150, signal: 'SIGKILL' as const }
      const { status, wasStopped, stderr } = await runOnce(
        program,
        directory,
        kills < wanted ? stop : undefined,
      )
      if (wasStopped) kills++
      else if (status === 0) break
      else throw new Error(`the run ended with ${status}: ${stderr}`)
    }
  }
  return { folders, kills }
}

/** What must be equal: every file and link of a run but the logs, as hashes. */
export async function runFingerprint(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(directory.length + 1)
    if (name.startsWith('tensorboard') || name === 'log.jsonl') continue
    if (entry.isSymbolicLink()) found[name] = `-> ${await readlink(path)}`
    if (entry.isFile())
      found[name] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
  }
  return found
}

/** The steps in a run's log, evaluations marked. */
export async function loggedSteps(directory: string): Promise<string[]> {
  const lines = (await readFile(join(directory, 'log.jsonl'), 'utf8')).trimEnd().split('\n')
  return lines.map((line) => {
    const record = JSON.parse(line) as { step: number }
    return `${record.step}${line.includes('evaluation/') ? ' evaluated' : ''}`
  })
}
