// Killed with -9 at random moments and taken up again, a run ends with the same bytes; nothing is in the logs twice.
// KILLS=20 in the environment makes it twenty.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundleForNode } from '../../../../tools/node-bundle.ts'
import { eventStep } from '../log/event.ts'
import { readRecords } from '../log/tf-record.ts'
import { killAndResume, loggedSteps, runFingerprint, runOnce } from './kill.fixture.ts'

const KILLS = Number(process.env.KILLS ?? 3)
const STEPS = 12

let directory: string
let bundle: string
let whole: string
let wholeTime: number
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ps3-kill-'))
  bundle = await bundleForNode(new URL('kill-main.fixture.ts', import.meta.url))
  whole = join(directory, 'whole')
  const started = performance.now()
  const { status, stderr } = await runOnce(bundle, whole, { steps: STEPS })
  wholeTime = performance.now() - started
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
    const random = new Random(KILLS)
    const { folders, kills } = await killAndResume(bundle, (i) => join(directory, `killed-${i}`), {
      steps: STEPS,
      kills: KILLS,
      longest: wholeTime,
      random,
    })
    expect(kills).toBeGreaterThanOrEqual(KILLS)
    const logged = await loggedSteps(whole)
    for (const folder of folders) {
      expect(await runFingerprint(folder)).toEqual(expected)
      expect(await loggedSteps(folder)).toEqual(logged)
      expect(await eventSteps(folder)).toEqual(await eventSteps(whole))
    }
  },
  60_000 + KILLS * 10_000,
)

it('Ctrl-C: a checkpoint first, then the same end', async () => {
  const stopped = join(directory, 'stopped')
  const { status } = await runOnce(bundle, stopped, {
    steps: STEPS,
    after: wholeTime * 0.6,
    signal: 'SIGINT',
  })
  expect(status).toBe(130)
  const reached = Number((await loggedSteps(stopped)).at(-1)!.split(' ')[0])
  const saved = (await readdir(join(stopped, 'checkpoints'))).sort().at(-1)!
  expect(Number(saved.slice('step-'.length))).toBeGreaterThanOrEqual(reached)
  expect((await runOnce(bundle, stopped, { steps: STEPS })).status).toBe(0)
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
