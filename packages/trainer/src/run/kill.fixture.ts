// Kills runs at random moments and takes them up again until they end.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '@ps3js/tensor'

/** Runs a bundle of `kill-main.fixture.ts` to its end; with a delay it is sent the signal then, if it still runs. */
export async function runOnce(
  bundle: string,
  directory: string,
  { steps, after, signal = 'SIGKILL' }: { steps: number; after?: number; signal?: NodeJS.Signals },
): Promise<{ status: number | null; wasStopped: boolean; stderr: string }> {
  const child = spawn(process.execPath, [bundle, directory], { env: { ...process.env, STEPS: `${steps}` } })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdout.resume()
  const timer = after === undefined ? undefined : setTimeout(() => child.kill(signal), after)
  return new Promise((resolve) => {
    child.on('close', (status, by) => {
      clearTimeout(timer)
      resolve({ status, wasStopped: by === 'SIGKILL' || status === 130, stderr })
    })
  })
}

/** Kills the run at random moments, at least `kills` times, in as many fresh folders as that takes; gives back all folders. */
export async function killAndResume(
  bundle: string,
  folder: (i: number) => string,
  options: { steps: number; kills: number; longest: number; random: Random },
): Promise<{ folders: string[]; kills: number }> {
  const folders: string[] = []
  let kills = 0
  while (kills < options.kills) {
    const directory = folder(folders.length)
    folders.push(directory)
    for (;;) {
      const after = kills < options.kills ? options.random.uniform() * options.longest : undefined
      const { status, wasStopped, stderr } = await runOnce(bundle, directory, { steps: options.steps, after })
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
