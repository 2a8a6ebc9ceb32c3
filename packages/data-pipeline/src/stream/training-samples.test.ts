// The stream: one order whatever the workers, exact resume anywhere, counted skips, closed files.

import { createHash } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { openPairedShards, openShards, type ShardSource } from '../read/index.ts'
import { collect, type Entry, makeTar, picture, record, writeShards } from '../read/tars.fixture.ts'
import type { PipelineState, SkippedSample, TrainingSample } from '../types.ts'
import { trainingSamples } from './training-samples.ts'

const OPTIONS = { size: 28, seed: 7, shuffle: 8 }

/** All of a sample in a few letters. */
const digest = ({ image, region, ...rest }: TrainingSample) =>
  `${rest.key} ${createHash('sha256').update(image.data).update(region.data).update(JSON.stringify(rest)).digest('hex').slice(0, 12)}`

const digests = async (source: ShardSource, options: Partial<Parameters<typeof trainingSamples>[1]> = {}) =>
  (await collect(trainingSamples(source, { ...OPTIONS, ...options }))).map(digest)

describe('trainingSamples', () => {
  it('gives one order for a seed on any number of workers, from paired and single shards', async () => {
    await inTempDir(async (directory) => {
      const { single } = await writeShards(directory, { shards: 4, each: 6 })
      const { pictures, records } = await writeShards(directory, { shards: 4, each: 6, paired: true })
      const one = await digests(openShards(single), { workers: 1, epochs: 2 })
      expect(one).toHaveLength(48)
      expect(await digests(openShards(single), { workers: 4, epochs: 2 })).toEqual(one)
      expect(await digests(openPairedShards({ pictures, records }), { workers: 3, epochs: 2 })).toEqual(one)
      expect(await digests(openShards(single), { workers: 4, seed: 8, epochs: 2 })).not.toEqual(one)
      const keys = one.map((text) => text.split(' ')[0]!)
      const [first, second] = [keys.slice(0, 24), keys.slice(24)]
      const all = Array.from({ length: 24 }, (_, i) => `s${i}`).sort()
      expect([...first].sort()).toEqual(all)
      expect([...second].sort()).toEqual(all)
      expect(first).not.toEqual(second)
      // Shuffled within and across shards.
      expect(first.slice(0, 6).map((key) => Math.floor(Number(key.slice(1)) / 6))).not.toEqual(
        Array(6).fill(0),
      )
    })
  })

  it('resumes after every sample to the very next one, through JSON, on other numbers of workers', async () => {
    await inTempDir(async (directory) => {
      const { single } = await writeShards(directory, { shards: 3, each: 5 })
      const source = openShards(single)
      const options = { ...OPTIONS, shuffle: 6, epochs: 2 }
      const whole: string[] = []
      const states: PipelineState[] = []
      const stream = trainingSamples(source, { ...options, workers: 2 })
      states.push(stream.state())
      for await (const sample of stream) {
        whole.push(digest(sample))
        states.push(stream.state())
      }
      for (const [i, state] of states.entries()) {
        const resume = JSON.parse(JSON.stringify(state)) as PipelineState
        const rest = trainingSamples(source, { ...options, workers: 1 + (i % 3), resume })
        expect((await collect(rest, 3)).map(digest), `after ${i}`).toEqual(whole.slice(i, i + 3))
        expect(JSON.stringify(state).length).toBeLessThan(400)
      }
    })
  })

  it('gives several captions of a picture one after the other, and resumes between them', async () => {
    await inTempDir(async (directory) => {
      const { single } = await writeShards(directory, { shards: 1, each: 5 })
      const broken: Entry[] = [
        ['broken.png', 'no picture'],
        ['broken.json', JSON.stringify(record(1))],
      ]
      const damaged = join(directory, 'damaged.tar')
      await writeFile(damaged, await makeTar(broken))
      const source = openShards([...openShards(single).names, damaged])
      const options = { ...OPTIONS, shuffle: 3, captionsPerPicture: 3 }
      const whole: string[] = []
      const pictures: object[] = []
      const stream = trainingSamples(source, { ...options, workers: 2 })
      const states: PipelineState[] = [stream.state()]
      for await (const sample of stream) {
        whole.push(digest(sample))
        pictures.push(sample.image)
        states.push(stream.state())
      }
      expect(new Set(pictures).size).toBe(5)
      // Two boxes and a global caption each, not all visible in every crop.
      expect(whole.length).toBeGreaterThan(10)
      expect(new Set(states.map(({ given }) => given))).toEqual(new Set([undefined, 1, 2]))
      for (const [i, state] of states.entries()) {
        const resume = JSON.parse(JSON.stringify(state)) as PipelineState
        const rest = trainingSamples(source, { ...options, workers: 1 + (i % 2), resume })
        expect((await collect(rest, 4)).map(digest), `after ${i}`).toEqual(whole.slice(i, i + 4))
      }
    })
  })

  it('keeps the order of files without shuffling, and resumes there too', async () => {
    await inTempDir(async (directory) => {
      const { single } = await writeShards(directory, { shards: 2, each: 4 })
      const stream = trainingSamples(openShards(single), { ...OPTIONS, shuffle: 0 })
      const keys = (await collect(stream, 4)).map(({ key }) => key)
      expect(keys).toEqual(['s0', 's1', 's2', 's3'])
      const rest = trainingSamples(openShards(single), { ...OPTIONS, shuffle: 0, resume: stream.state() })
      expect((await collect(rest)).map(({ key }) => key)).toEqual(['s4', 's5', 's6', 's7'])
    })
  })

  it('refuses to resume with other settings or other data', async () => {
    await inTempDir(async (directory) => {
      const { single } = await writeShards(directory, { shards: 2, each: 8 })
      const stream = trainingSamples(openShards(single), { ...OPTIONS, workers: 1 })
      await collect(stream, 5)
      const resume = stream.state()
      const again = (options: object) => () =>
        trainingSamples(openShards(single), { ...OPTIONS, resume, ...options })
      expect(again({ seed: 9 })).toThrow(/taken with seed 7, now it is 9/)
      expect(again({ shuffle: 9 })).toThrow(/shuffle 8, now it is 9/)
      await writeShards(directory, { shards: 2, each: 2 })
      await expect(collect(again({ workers: 1 })())).rejects.toThrow(/resume with the same data/)
    })
  })

  it('counts, tells and leaves out what cannot be used, the same on any number of workers', async () => {
    await inTempDir(async (directory) => {
      const good = await picture(1)
      const entries: Entry[] = [
        ['a.png', good],
        ['a.json', JSON.stringify(record(0))],
        ['broken.png', good.subarray(0, good.length - 60)],
        ['broken.json', JSON.stringify(record(1))],
        ['svg.png', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
        ['svg.json', JSON.stringify(record(1))],
        ['outside.png', good],
        ['outside.json', JSON.stringify(record(1, { text: ['x'], box: [[70, 5, 90, 20]] }))],
        ['filtered.png', good],
        ['filtered.json', JSON.stringify({ global_text: 'The image is a close-up of' })],
        ['z.png', good],
        ['z.json', JSON.stringify(record(2))],
      ]
      const path = join(directory, 'x.tar')
      await writeFile(path, await makeTar(entries))
      const skipped: SkippedSample[] = []
      const options = { ...OPTIONS, shuffle: 0, onSkip: (one: SkippedSample) => skipped.push(one) }
      const keys = (await collect(trainingSamples(openShards(path), options))).map(({ key }) => key)
      expect(keys).toEqual(['a', 'z'])
      expect(skipped.map(({ key, shard, reason }) => [key, shard === path, reason])).toEqual([
        ['broken', true, expect.stringMatching(/^its picture cannot be decoded \(/)],
        ['svg', true, expect.stringMatching(/svg/)],
        ['outside', true, 'box 0 [70, 5, 90, 20] lies outside its picture of 64x48'],
        ['filtered', true, 'nothing is left of its caption after the filters'],
      ])
      const limited = trainingSamples(openShards(path), { ...options, maxSkipped: 3 })
      await expect(collect(limited)).rejects.toThrow(
        /4 samples were unusable, more than maxSkipped 3.*"filtered"/,
      )
      // The count goes on where it was.
      const first = trainingSamples(openShards(path), { ...options, epochs: 2 })
      await collect(first, 2)
      expect(first.state().skipped).toBe(4)
    })
  })

  it('fails rather than looping over data without any usable sample', async () => {
    await inTempDir(async (directory) => {
      const path = join(directory, 'x.tar')
      await writeFile(path, await makeTar([['a.json', '{}']]))
      const stream = trainingSamples(openShards(path), { ...OPTIONS, epochs: Number.POSITIVE_INFINITY })
      await expect(collect(stream)).rejects.toThrow(/no usable sample in 1 shards: 1 skipped/)
    })
  })

  it('says up front what cannot work', async () => {
    const source = openShards('/nowhere/{0..3}.tar')
    const open = (options: object) => () => trainingSamples(source, { ...OPTIONS, ...options })
    expect(open({ workers: 5 })).toThrow(/4 shards cannot feed 5 workers/)
    expect(open({ size: 0 })).toThrow(/size must be a whole number of at least 1, not 0/)
    expect(open({ globalCaptionProb: 1.5 })).toThrow(/between 0 and 1/)
    await expect(collect(open({ workers: 4 })())).rejects.toThrow(
      /cannot read \/nowhere\/\d.tar: there is no such/,
    )
  })

  it('closes its files when left early, cancelled or failing', async () => {
    await inTempDir(async (directory) => {
      const { single } = await writeShards(directory, { shards: 2, each: 30 })
      const open = () =>
        readdirSync('/proc/self/fd').filter((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
          } catch {
            return false
          }
        })
      await collect(trainingSamples(openShards(single), { ...OPTIONS, workers: 2 }), 3)
      expect(open()).toEqual([])
      const controller = new AbortController()
      const stream = trainingSamples(openShards(single), { ...OPTIONS, signal: controller.signal })
      const cancelled = (async () => {
        for await (const _ of stream) controller.abort(new Error('enough'))
      })()
      await expect(cancelled).rejects.toThrow('enough')
      expect(open()).toEqual([])
      const failing = trainingSamples(openShards([single, '/nowhere.tar']), { ...OPTIONS, shuffle: 0 })
      await expect(collect(failing)).rejects.toThrow(/nowhere/)
      expect(open()).toEqual([])
    })
  })
})
