// One writer at a time, and dead ones do not count.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ResourceError } from '../../errors.ts'
import { lockOutput } from './output-lock.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ps3-lock-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const folder = async (name: string) => {
  await mkdir(join(directory, name))
  return join(directory, name)
}

/** A process that does nothing. */
async function sleeper(): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  return child as ChildProcess & { pid: number }
}

/** The lock that a process of this machine would hold. */
async function lockOf(pid: number, change: object = {}): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const started = process.platform === 'linux' ? stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] : null
  return JSON.stringify({ process: pid, host: hostname(), started, ...change })
}

it('is held by one: the second is told what, who and what to do, and comes in afterwards', async () => {
  const run = await folder('run')
  const lock = await lockOutput(run)
  expect(await readdir(run)).toEqual(['.lock'])
  await expect(lockOutput(run)).rejects.toThrow(ResourceError)
  await expect(lockOutput(`${run}/`)).rejects.toThrow(
    `run/ is being written by process ${process.pid}, which is this one: wait until it ends, stop it (kill ${process.pid}), or choose another place`,
  )
  await lock.release()
  expect(await readdir(run)).toEqual([])
  await (await lockOutput(run)).release()
  // A second time, it must not let go of what is another's by then.
  const next = await lockOutput(run)
  await lock.release()
  await expect(lockOutput(run)).rejects.toThrow(/is being written/)
  await next.release()
})

it('lies beside a file', async () => {
  const file = join(directory, 'regions.jsonl')
  const lock = await lockOutput(file)
  expect((await readdir(directory)).filter((name) => name.startsWith('regions'))).toEqual([
    'regions.jsonl.lock',
  ])
  await lock.release()
})

it('of a living process holds; of a killed one, or one whose number is used again, it does not', async () => {
  const run = await folder('killed')
  const child = await sleeper()
  const text = await lockOf(child.pid)
  await writeFile(join(run, '.lock'), text)
  await expect(lockOutput(run)).rejects.toThrow(`by process ${child.pid}: wait`)
  if (process.platform === 'linux') {
    await writeFile(join(run, '.lock'), await lockOf(child.pid, { started: '1' }))
    await (await lockOutput(run)).release()
    await writeFile(join(run, '.lock'), text)
  }
  child.kill('SIGKILL')
  await once(child, 'close')
  const lock = await lockOutput(run)
  expect(JSON.parse(await readFile(join(run, '.lock'), 'utf8'))).toMatchObject({ process: process.pid })
  await lock.release()
  expect(await readdir(run)).toEqual([])
})

it('that is empty or torn was left by a power cut', async () => {
  const run = await folder('torn')
  for (const text of ['', '{"process":', 'null', '{"process":"1"}']) {
    await writeFile(join(run, '.lock'), text)
    await (await lockOutput(run)).release()
  }
})

it('of another machine is never taken: it says which file to remove', async () => {
  const run = await folder('shared')
  await writeFile(join(run, '.lock'), await lockOf(process.pid, { host: 'elsewhere' }))
  await expect(lockOutput(run)).rejects.toThrow(/on the machine elsewhere: .*remove .*shared\/\.lock/)
})

it('goes to exactly one of many that come at once, also over a dead one', async () => {
  for (const name of ['fresh', 'stale']) {
    const run = await folder(name)
    if (name === 'stale') await writeFile(join(run, '.lock'), await lockOf(2 ** 30))
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockOutput(run)))
    const winners = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(winners).toHaveLength(1)
    await winners[0]!.release()
    expect(await readdir(run)).toEqual([])
  }
})

it('cannot be written where nothing can', async () => {
  await expect(lockOutput(join(directory, 'nowhere', 'file'))).rejects.toThrow(/cannot write .*nowhere/)
})
