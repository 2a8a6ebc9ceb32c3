// Datasets: the same bytes on any number of threads and after any interruption, and nothing mixed.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openDataset, readShardIndex } from '@ps3js/data-pipeline'
import { InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../../../../tools/node-bundle.ts'
import type { SynthesizeOptions } from '../../options.ts'
import { synthesize } from './synthesize.ts'

let worker: string
const directories: string[] = []

beforeAll(async () => {
  worker = await bundleForNode(new URL('./worker.ts', import.meta.url))
})

afterAll(async () => {
  for (const path of [worker, ...directories]) await rm(path, { recursive: true, force: true })
})

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'synth-'))
  directories.push(path)
  return path
}

const write = (options: Partial<SynthesizeOptions> & { directory: string }) =>
  synthesize(
    { kind: 'scenes', count: 6, width: 768, height: 512, seed: 3, ...options },
    pathToFileURL(worker),
  )

/** Every file's checksum. */
const sums = async (path: string) =>
  (await readShardIndex(path))!.shards.flatMap(({ files }) => files.map(({ sha256 }) => sha256))

describe('synthesize', () => {
  it('writes the same bytes without threads, with one and with three', async () => {
    const [plain, one, three] = [await directory(), await directory(), await directory()]
    await write({ directory: plain, workers: 0 })
    await write({ directory: one, workers: 1 })
    await write({ directory: three, workers: 3 })
    expect(await sums(one)).toEqual(await sums(plain))
    expect(await sums(three)).toEqual(await sums(plain))
  })

  it('writes records that hold the reference’s fields and ours', async () => {
    const path = await directory()
    const progress: number[] = []
    await write({
      directory: path,
      count: 2,
      workers: 0,
      onProgress: ({ pictures }) => progress.push(pictures),
    })
    expect(progress).toEqual([0, 1, 2])
    const tar = await readFile(join(path, 'records-000000.tar'), 'latin1')
    const record = JSON.parse(/\{[^\0]*\}/.exec(tar)![0])
    expect(record.text.length).toBeGreaterThan(5)
    expect(record.box.length).toBe(record.text.length)
    expect(record.objects.length).toBe(record.text.length)
    expect(record).toMatchObject({ type: 'scenes', width: 768, height: 512, split: 'train' })
    expect(Object.keys(record.objects[0])).toEqual(['kind', 'color', 'text', 'minResolution', 'split'])
  })

  it('writes questions into the records, on any number of threads, and none unless asked', async () => {
    const [plain, threads, none] = [await directory(), await directory(), await directory()]
    const marks = { kind: 'marks', width: 512, height: 512, count: 3 } as const
    await write({ ...marks, directory: plain, workers: 0, questions: 5 })
    await write({ ...marks, directory: threads, workers: 2, questions: 5 })
    await write({ ...marks, directory: none, workers: 0 })
    expect(await sums(threads)).toEqual(await sums(plain))
    const { source } = await openDataset(plain)
    for await (const { sample } of source.read(0, {})) {
      expect(sample!.record.questions).toHaveLength(5)
      expect(Object.keys(sample!.record.questions![0]!).toSorted()).toEqual([
        'answer',
        'around',
        'boxes',
        'distractors',
        'kind',
        'minResolution',
        'question',
      ])
    }
    expect(await readFile(join(none, 'records-000000.tar'), 'latin1')).not.toContain('questions')
    await expect(write({ ...marks, directory: none, workers: 0, questions: 2000 })).rejects.toThrow(
      /questions 2000/,
    )
  })

  it('goes on after an abort and refuses another dataset in the same directory', async () => {
    const [whole, cut] = [await directory(), await directory()]
    const controller = new AbortController()
    const shapes = { kind: 'shapes', width: 64, height: 64, count: 1500 } as const
    const stopped = write({
      ...shapes,
      directory: cut,
      workers: 2,
      signal: controller.signal,
      onProgress: ({ pictures }) => pictures === 1200 && controller.abort(),
    })
    await expect(stopped).rejects.toThrow('aborted')
    await expect(write({ ...shapes, directory: cut, workers: 0, seed: 4 })).rejects.toThrow(
      InvalidArgumentError,
    )
    const first: number[] = []
    await write({ ...shapes, directory: cut, workers: 0, onProgress: ({ pictures }) => first.push(pictures) })
    expect(first[0]).toBe(1000)
    await write({ ...shapes, directory: whole, workers: 0 })
    expect(await sums(cut)).toEqual(await sums(whole))
  })

  it('says what it cannot do', async () => {
    const path = await directory()
    await expect(write({ directory: path, width: 100 })).rejects.toThrow(/100x512: .*512 to 8192/)
    await expect(write({ directory: path, kind: 'shapes' })).rejects.toThrow(/square/)
    await expect(write({ directory: path, count: 0 })).rejects.toThrow(/count 0/)
    await expect(write({ directory: path, seed: -1 })).rejects.toThrow(/seed -1/)
    const broken = synthesize(
      { kind: 'shapes', count: 1, width: 64, height: 64, seed: 0, directory: path, workers: 1 },
      new URL('./no-such-worker.js', import.meta.url),
    )
    await expect(broken).rejects.toThrow(ResourceError)
  })
})
