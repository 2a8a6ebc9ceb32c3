// Killed with SIGKILL at random moments and started again, each step loses nothing, doubles nothing, and ends with the
// bytes of a run that was left alone. PS3_KILLS says how often; few by default, as each costs a process.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Random } from '@ps3js/tensor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { bundleForNode } from '../../../../tools/node-bundle.ts'
import { contents, readTar } from '../write/shards.fixture.ts'
import { captionRegions } from './caption.ts'
import { answer, type Reply, withServer, writePictures } from './engine.fixture.ts'
import { packRegions } from './pack.ts'
import { proposeRegions } from './propose.ts'

const KILLS = Number(process.env.PS3_KILLS ?? 3)
const PICTURES = 12

let main: string
beforeAll(async () => {
  main = await bundleForNode(new URL('engine-main.fixture.ts', import.meta.url))
})
afterAll(() => rm(main, { force: true }))

/** Runs a step; kills it a moment after it got on `after` times. Says whether it ended by itself. */
function run(step: string, options: object, kill?: { after: number; delay: number }): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, step, JSON.stringify(options)])
    let dots = 0
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const before = dots
      dots += chunk.length
      if (kill && before < kill.after && dots >= kill.after)
        setTimeout(() => child.kill('SIGKILL'), kill.delay)
    })
    child.stderr.on('data', (chunk) => {
      printed += chunk
    })
    child.on('close', (status, signal) => {
      if (status === 0 || signal === 'SIGKILL') resolve(status === 0)
      else reject(new Error(printed))
    })
  })
}

/** Kills `KILLS` times at most, then lets the step end. Gives the number of kills that met it alive. */
async function killAndFinish(
  step: string,
  options: object,
  seed: number,
  start: () => Promise<void>,
): Promise<number> {
  const random = new Random(seed)
  let kills = 0
  for (let i = 0; i < KILLS; i++) {
    // When it has finished, it begins anew: every kill shall meet it at work.
    if (await run(step, options, { after: 1 + random.integer(3), delay: random.integer(25) })) await start()
    else kills++
  }
  await run(step, options)
  return kills
}

/** An answer that depends on what was asked alone, after a while. */
const slow: Reply = async (response, { prompt, pictures }) => {
  await new Promise((resolve) => setTimeout(resolve, 15))
  answer(response, `${pictures} ${createHash('sha256').update(prompt).digest('hex')}.`)
}

it('propose, caption and pack survive kills', { timeout: 60_000 + 10_000 * KILLS }, async () => {
  await inTempDir(async (directory) => {
    const pictures = join(directory, 'pictures')
    await writePictures(pictures, PICTURES)
    const file = (name: string) => join(directory, name)

    await proposeRegions({ pictures, out: file('regions') })
    const propose = { pictures, out: file('regions-killed'), concurrency: 2 }
    const proposeKills = await killAndFinish('propose', propose, 1, () => rm(propose.out))
    expect(await readFile(propose.out, 'utf8')).toBe(await readFile(file('regions'), 'utf8'))

    const captionKills = await withServer(
      () => slow,
      async (url, asked) => {
        const server = { url, model: 'tiny-vl' }
        const regions = file('regions')
        const { total } = await captionRegions({ regions, out: file('captions'), server })
        const before = asked.length
        const concurrency = 3
        const caption = { regions, out: file('captions-killed'), server, concurrency }
        let starts = 1
        const kills = await killAndFinish('caption', caption, 2, async () => {
          starts++
          await rm(caption.out)
          await rm(`${caption.out}.answers`)
        })
        expect(await readFile(caption.out, 'utf8')).toBe(await readFile(file('captions'), 'utf8'))
        const answers = (await readFile(`${caption.out}.answers`, 'utf8')).trimEnd().split('\n')
        const keys = answers.map((line) => (JSON.parse(line) as { key: string }).key)
        expect(new Set(keys).size).toBe(total)
        expect(keys).toHaveLength(total)
        // Only what was under way in the moment of a kill is asked again.
        expect(asked.length - before).toBeLessThanOrEqual(starts * total + kills * concurrency)
        return kills
      },
    )

    const limits = { captions: file('captions'), maxSamples: 2 }
    await packRegions({ ...limits, out: file('shards') })
    const pack = { ...limits, out: file('shards-killed') }
    const packKills = await killAndFinish('pack', pack, 3, () => rm(pack.out, { recursive: true }))
    expect(await contents(pack.out)).toEqual(await contents(file('shards')))
    const keys: string[] = []
    for (let shard = 0; shard < PICTURES / 2; shard++) {
      const entries = await readTar(join(pack.out, `records-${String(shard).padStart(6, '0')}.tar`))
      keys.push(...entries.map(({ name }) => name))
    }
    expect(new Set(keys).size).toBe(PICTURES)
    expect(keys).toHaveLength(PICTURES)
    expect(proposeKills + captionKills + packKills).toBeGreaterThan(0)
    if (process.env.PS3_KILLS)
      process.stderr.write(`kills: propose ${proposeKills}, caption ${captionKills}, pack ${packKills}\n`)
  })
})
