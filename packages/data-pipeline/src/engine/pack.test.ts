// Packed samples hold what the captions say, in order, under keys of their own; interruptions change nothing.

import { appendFile, copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { contents, readTar } from '../write/shards.fixture.ts'
import { put, writePicture, writePictures } from './engine.fixture.ts'
import { type PackOptions, packRegions } from './pack.ts'
import { proposeRegions } from './propose.ts'
import type { PictureRegions } from './regions-file.ts'

/** Pictures with captions, without a server. */
async function captioned(directory: string, count: number): Promise<PackOptions> {
  const pictures = join(directory, 'pictures')
  await writePictures(pictures, count)
  return propose(directory)
}

async function propose(directory: string): Promise<PackOptions> {
  const captions = join(directory, 'captions.jsonl')
  await proposeRegions({ pictures: join(directory, 'pictures'), out: captions })
  await edit(captions, (line) => ({
    ...line,
    text: line.text ?? line.box.map((_, i) => `${line.picture} ${i}`),
    global_text: line.global_text ?? `all of ${line.picture}`,
  }))
  return { captions, out: join(directory, 'shards'), maxSamples: 2 }
}

async function edit(path: string, change: (line: PictureRegions) => object): Promise<void> {
  const [header, ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n')
  const changed = lines.map((line) => {
    const value = JSON.parse(line) as PictureRegions
    return JSON.stringify('skipped' in value ? value : change(value))
  })
  await writeFile(path, `${[header, ...changed].join('\n')}\n`)
}

const keysIn = async (directory: string, shard: number) =>
  (await readTar(join(directory, `images-00000${shard}.tar`))).map(({ name }) => name)

describe('packRegions', () => {
  it('packs pictures and records in the format of the reference', async () => {
    await inTempDir(async (directory) => {
      const options = await captioned(directory, 3)
      const { index, ...summary } = await packRegions(options)
      expect(summary).toEqual({ samples: 3, skipped: 0, badBoxes: 0 })
      expect(index.shards.map(({ samples }) => samples)).toEqual([2, 1])
      expect(await keysIn(options.out, 1)).toEqual(['p002.jpg'])
      const [picture] = await readTar(join(options.out, 'images-000001.tar'))
      expect(picture!.data.equals(await readFile(join(directory, 'pictures/p002.jpg')))).toBe(true)
      const [record] = await readTar(join(options.out, 'records-000001.tar'))
      const { text, box, ...rest } = JSON.parse(record!.data.toString())
      expect(rest).toEqual({ global_text: 'all of p002.jpg', type: 'natural' })
      expect(text).toEqual(box.map((_: unknown, i: number) => `p002.jpg ${i}`))
    })
  })

  it('gives every picture a key of its own, readable where it can be', async () => {
    await inTempDir(async (directory) => {
      const pictures = join(directory, 'pictures')
      const names = ['a.jpg', 'a.png', 'b/a.jpg', 'b.v2.jpg', 'ä.jpg', `${'x'.repeat(120)}.jpg`]
      for (const name of names) await writePicture(join(pictures, name), 64, 64, [])
      const options = await propose(directory)
      await packRegions({ ...options, maxSamples: 10 })
      const keys = await keysIn(options.out, 0)
      const hash = '[\\da-f]{12}'
      const expected = ['a', `a-${hash}`, `b-v2-${hash}`, `b-a-${hash}`, `x{76}-${hash}`, `--${hash}`]
      expect(keys.map((name) => name.slice(0, name.lastIndexOf('.')))).toEqual(
        expected.map((pattern) => expect.stringMatching(new RegExp(`^${pattern}$`))),
      )
    })
  })

  it('turns what EXIF turns, so that boxes fit for readers that ignore it', async () => {
    await inTempDir(async (directory) => {
      await writePicture(join(directory, 'flat.png'), 400, 200, [[20, 20, 80, 80]])
      const turned = await sharp(join(directory, 'flat.png'))
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer()
      await put(join(directory, 'pictures/turned.jpg'), turned)
      const options = await propose(directory)
      await packRegions(options)
      const [picture] = await readTar(join(options.out, 'images-000000.tar'))
      expect(await sharp(picture!.data).metadata()).toMatchObject({ width: 200, height: 400 })
      expect((await sharp(picture!.data).metadata()).orientation ?? 1).toBe(1)
    })
  })

  it('goes on behind the last complete shard, and takes a finished directory for done', async () => {
    await inTempDir(async (directory) => {
      const options = await captioned(directory, 5)
      await packRegions(options)
      const whole = await contents(options.out)
      expect(await packRegions(options)).toMatchObject({ samples: 5, skipped: 0 })
      expect(await contents(options.out)).toEqual(whole)
      await rm(options.out, { recursive: true })
      const controller = new AbortController()
      const onProgress = ({ samples }: { samples: number }) => samples === 3 && controller.abort()
      await expect(packRegions({ ...options, signal: controller.signal, onProgress })).rejects.toThrow(
        /abort/i,
      )
      expect((await readdir(options.out)).sort()).toEqual([
        'images-000000.tar',
        'index.journal',
        'records-000000.tar',
      ])
      expect(await packRegions(options)).toMatchObject({ samples: 5 })
      expect(await contents(options.out)).toEqual(whole)
    })
  })
})

describe('packRegions with bad input', () => {
  it('skips and counts pictures that changed, vanished, are listed twice or have nothing to say, and boxes that are none', async () => {
    await inTempDir(async (directory) => {
      const options = await captioned(directory, 6)
      const pictures = join(directory, 'pictures')
      await copyFile(join(pictures, 'p000.jpg'), join(pictures, 'p001.jpg'))
      await rm(join(pictures, 'p002.jpg'))
      const bad = [
        [9, 9, 3, 3],
        [5, 5, 5, 9],
        [400, 0, 500, 9],
        [Number.NaN, 0, 1, 1],
        [0, 0, 9],
      ]
      await edit(options.captions, (line) => {
        if (line.picture === 'p003.jpg') return { ...line, text: line.box.map(() => ' '), global_text: '' }
        if (line.picture !== 'p004.jpg') return line
        const box = [...bad, [-5, 10, 40, 400], [1, 2, 30, 40]]
        return { ...line, box, text: box.map((_, i) => `box ${i}`) }
      })
      const last = (await readFile(options.captions, 'utf8')).trimEnd().split('\n').at(-1)
      await appendFile(options.captions, `${last}\n{"picture":"q.jpg","skipped":"before"}\n`)
      const { index, ...summary } = await packRegions(options)
      expect(summary).toEqual({ samples: 3, skipped: 5, badBoxes: 5, lastSkip: 'q.jpg: before' })
      expect(await keysIn(options.out, 0)).toEqual(['p000.jpg', 'p004.jpg'])
      expect(await keysIn(options.out, 1)).toEqual(['p005.jpg'])
      const record = (await readTar(join(options.out, 'records-000000.tar')))[1]!
      expect(JSON.parse(record.data.toString())).toMatchObject({
        text: ['box 5', 'box 6'],
        box: [
          [0, 10, 40, 240],
          [1, 2, 30, 40],
        ],
      })
      const again = await packRegions(options)
      expect(again).toMatchObject({ samples: 3, skipped: 5 })
      expect(index.samples).toBe(3)
    })
  })

  it('refuses to mix other captions into a directory, files that are none, and places that cannot be written to', async () => {
    await inTempDir(async (directory) => {
      const options = await captioned(directory, 2)
      await packRegions(options)
      await edit(options.captions, (line) => ({ ...line, global_text: 'other' }))
      await expect(packRegions(options)).rejects.toThrow(
        /begun with origin "captions \w+", now it is "captions \w+"/,
      )
      await expect(packRegions({ ...options, captions: join(directory, 'no') })).rejects.toThrow(
        /cannot read .*no:/,
      )
      await put(join(directory, 'text'), 'hello\n')
      await expect(packRegions({ ...options, captions: join(directory, 'text') })).rejects.toThrow(
        /line 1: no JSON/,
      )
      const out = join(directory, 'text/deeper')
      await expect(packRegions({ ...options, out })).rejects.toThrow(/cannot make the directory/)
    })
  })
})
