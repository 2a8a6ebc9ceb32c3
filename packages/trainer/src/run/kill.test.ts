// Killed with -9 at random moments and taken up again, a run ends with the same bytes; nothing is in the logs twice.
// KILLS=20 in the environment makes it twenty.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  expectSameEnds,
  loggedSteps,
  type Program,
  runFingerprint,
  runOnce,
} from '../../../../tools/kill-and-resume.ts'
import { bundleForNode } from '../../../../tools/node-bundle.ts'
import { eventStep } from '../log/event.ts'
import { readRecords } from '../log/tf-record.ts'
import { writeTinyShards } from './tiny-shards.fixture.ts'

const KILLS = Number(process.env.KILLS ?? 3)

let directory: string
let bundle: string
let program: Program
let whole: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ps3-kill-'))
  bundle = await bundleForNode(new URL('kill-main.fixture.ts', import.meta.url))
  const shards = await writeTinyShards(join(directory, 'data'))
  program = (run) => [bundle, run, shards]
  whole = join(directory, 'whole')
  const { status, stderr } = await runOnce(program, whole)
  expect(stderr).toBe('')
  expect(status).toBe(0)
})
afterAll(async () => {
  await rm(bundle, { force: true })
  await rm(directory, { recursive: true, force: true })
})

it(
  `${KILLS} kills`,
  async () => {
    const expected = await runFingerprint(whole)
    expect(Object.keys(expected)).toContain('checkpoints/step-00000012/optimizer.safetensors')
    for (const folder of await expectSameEnds(program, { directory, whole, kills: KILLS })) {
      expect(await eventSteps(folder)).toEqual(await eventSteps(whole))
    }
  },
  60_000 + KILLS * 30_000,
)

it('Ctrl-C: a checkpoint first, then the same end', async () => {
  const stopped = join(directory, 'stopped')
  const { status } = await runOnce(program, stopped, { steps: 3, delay: 0, signal: 'SIGINT' })
  expect(status).toBe(130)
  const saved = (await readdir(join(stopped, 'checkpoints'))).sort().at(-1)!
  expect(Number(saved.slice('step-'.length))).toBeGreaterThanOrEqual(3)
  expect((await runOnce(program, stopped)).status).toBe(0)
  const last = 'checkpoints/step-00000012/'
  const ofLast = ([name]: [string, string]) => name.startsWith(last)
  expect(Object.entries(await runFingerprint(stopped)).filter(ofLast)).toEqual(
    Object.entries(await runFingerprint(whole)).filter(ofLast),
  )
  expect(await loggedSteps(stopped)).toEqual(await loggedSteps(whole))
})

/** Steps of the events with numbers or pictures in all event files, in the order in which they are read. */
async function eventSteps(run: string): Promise<number[]> {
  const folder = join(run, 'tensorboard')
  const steps: number[] = []
  for (const name of (await readdir(folder)).sort()) {
    const records = [...readRecords(new Uint8Array(await readFile(join(folder, name))))]
    // The first two say where the file starts.
    steps.push(...records.slice(2).map(({ record }) => eventStep(record)))
  }
  return steps
}
