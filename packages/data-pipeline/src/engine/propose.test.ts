// Regions lie where the detail is, the file is the same however often its making was interrupted, and bad pictures are
// skipped with a reason.

import { appendFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { type Box, intersectionArea } from './boxes.ts'
import { put, writePicture, writePictures } from './engine.fixture.ts'
import { proposeRegions } from './propose.ts'
import { type PictureRegions, type RegionsLine, regionLines } from './regions-file.ts'

async function linesOf(path: string): Promise<RegionsLine[]> {
  const lines: RegionsLine[] = []
  for await (const line of regionLines(path)) lines.push(line)
  return lines
}

describe('proposeRegions', () => {
  it('finds the places with detail, at 4K too, and no others', async () => {
    await inTempDir(async (directory) => {
      const patches: Box[] = [
        [300, 200, 620, 420],
        [2800, 300, 3100, 560],
        [1500, 1500, 1900, 1800],
      ]
      await writePicture(join(directory, 'a.jpg'), 3840, 2160, patches)
      const out = join(directory, 'regions.jsonl')
      const summary = await proposeRegions({ pictures: directory, out })
      expect(summary).toEqual({ pictures: 1, regions: 3, skipped: 0 })
      const [line] = (await linesOf(out)) as [PictureRegions]
      expect(line).toMatchObject({ picture: 'a.jpg', width: 3840, height: 2160, type: 'natural' })
      for (const patch of patches) {
        const found = line.box.find((box) => intersectionArea(box as Box, patch) > 0) as Box
        const area = (patch[2] - patch[0]) * (patch[3] - patch[1])
        expect(intersectionArea(found, patch) / area).toBeGreaterThan(0.9)
        // Windows of 32 of 1024 pixels and the margin may reach beyond it.
        expect((found[2] - found[0]) * (found[3] - found[1])).toBeLessThan(3 * area)
      }
    })
  })

  it('is the only writer of its file', async () => {
    await inTempDir(async (directory) => {
      await writePictures(join(directory, 'pictures'), 2)
      const options = { pictures: join(directory, 'pictures'), out: join(directory, 'regions.jsonl') }
      const others: Promise<unknown>[] = []
      const onProgress = () => void others.push(proposeRegions(options).catch((error: unknown) => error))
      await proposeRegions({ ...options, onProgress })
      expect(others).toHaveLength(2)
      for (const error of await Promise.all(others)) {
        expect(error).toBeInstanceOf(ResourceError)
        expect((error as Error).message).toContain(`regions.jsonl is being written by process ${process.pid}`)
      }
      expect((await proposeRegions(options)).pictures).toBe(2)
      expect((await readdir(directory)).sort()).toEqual(['pictures', 'regions.jsonl'])
    })
  })

  it('leaves smooth pictures without regions and keeps to the limits', async () => {
    await inTempDir(async (directory) => {
      await writePicture(join(directory, 'pictures/smooth.png'), 400, 300, [])
      await writePicture(join(directory, 'pictures/busy.png'), 400, 300, [[0, 0, 400, 300]])
      const out = join(directory, 'regions.jsonl')
      await proposeRegions({
        pictures: join(directory, 'pictures'),
        out,
        rule: { maxRegions: 2, maxOverlap: 0 },
      })
      const [busy, smooth] = (await linesOf(out)) as PictureRegions[]
      expect(smooth!.box).toEqual([])
      expect(busy!.box.length).toBeLessThanOrEqual(2)
      const [a, b] = busy!.box as Box[]
      if (a && b) expect(intersectionArea(a, b)).toBe(0)
    })
  })

  it('sees pictures as EXIF turns them', async () => {
    await inTempDir(async (directory) => {
      await writePicture(join(directory, 'flat.png'), 400, 200, [[20, 20, 80, 80]])
      const turned = await sharp(join(directory, 'flat.png'))
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer()
      await put(join(directory, 'pictures/turned.jpg'), turned)
      const out = join(directory, 'regions.jsonl')
      await proposeRegions({ pictures: join(directory, 'pictures'), out })
      const [line] = (await linesOf(out)) as [PictureRegions]
      expect(line).toMatchObject({ width: 200, height: 400 })
      // A quarter turn clockwise: the upper left corner comes to the upper right. A region need not hold all of a patch.
      const [x1, y1, x2, y2] = line.box[0] as Box
      expect(intersectionArea([x1, y1, x2, y2], [120, 20, 180, 80])).toBeGreaterThan(0.5 * 60 * 60)
    })
  })

  it('takes the text of documents as their captions, and regions dense in it', async () => {
    await inTempDir(async (directory) => {
      await writePicture(join(directory, 'pictures/page.png'), 400, 600, [])
      const text = ['Invoice', 'No. 17', 'Total', '12.50', '']
      const box = [
        [20, 20, 90, 34],
        [20, 40, 80, 52],
        [300, 560, 340, 572],
        [350, 560, 390, 572],
        [10, 300, 30, 310],
      ]
      await put(join(directory, 'pictures/page.json'), JSON.stringify({ text, box }))
      const out = join(directory, 'regions.jsonl')
      await proposeRegions({ pictures: join(directory, 'pictures'), out })
      const [line] = (await linesOf(out)) as [PictureRegions]
      expect(line).toMatchObject({ type: 'document', global_text: 'Invoice\nNo. 17\nTotal\n12.50' })
      expect([...line.text!].sort()).toEqual(['Invoice\nNo. 17', 'Total\n12.50'])
    })
  })

  it('goes on where it was interrupted and ends with the same bytes', async () => {
    await inTempDir(async (directory) => {
      const pictures = join(directory, 'pictures')
      await writePictures(pictures, 5)
      const out = join(directory, 'regions.jsonl')
      await proposeRegions({ pictures, out })
      const whole = await readFile(out, 'utf8')
      expect(await proposeRegions({ pictures, out })).toMatchObject({ pictures: 5 })
      for (const length of [0, 20, whole.indexOf('\n') + 1, whole.length - 30, whole.length]) {
        await rm(out)
        await writeFile(`${out}.part`, whole.slice(0, length))
        await proposeRegions({ pictures, out, concurrency: 3 })
        expect(await readFile(out, 'utf8')).toBe(whole)
      }
    })
  })

  it('stops at an abort and reports progress', async () => {
    await inTempDir(async (directory) => {
      const pictures = join(directory, 'pictures')
      await writePictures(pictures, 4)
      const out = join(directory, 'regions.jsonl')
      const controller = new AbortController()
      const seen: number[] = []
      const onProgress = ({ pictures: done, total }: { pictures: number; total: number }) => {
        seen.push(done / total)
        if (done === 2) controller.abort()
      }
      const options = { pictures, out, concurrency: 1, onProgress }
      await expect(proposeRegions({ ...options, signal: controller.signal })).rejects.toThrow(/abort/i)
      await proposeRegions(options)
      expect(seen).toEqual([0.25, 0.5, 0.75, 1])
    })
  })
})

describe('proposeRegions with bad input', () => {
  it('skips what is no picture, with a reason, and counts it', async () => {
    await inTempDir(async (directory) => {
      const pictures = join(directory, 'pictures')
      await writePictures(pictures, 1)
      const whole = await readFile(join(pictures, 'p000.jpg'))
      await put(join(pictures, 'cut.jpg'), whole.subarray(0, whole.length / 2))
      await put(join(pictures, 'empty.png'), '')
      await put(join(pictures, 'text.jpg'), 'not a picture')
      await put(join(pictures, 'notes.txt'), 'not meant')
      await put(join(pictures, 'sub/damaged-text.png'), await sharp(whole).png().toBuffer())
      await put(join(pictures, 'sub/damaged-text.json'), '{"text": ["a"]')
      await put(join(pictures, 'sub/other-text.png'), await sharp(whole).png().toBuffer())
      await put(join(pictures, 'sub/other-text.json'), '{"text": ["a"], "box": [[900, 0, 999, 9]]}')
      const out = join(directory, 'regions.jsonl')
      expect(await proposeRegions({ pictures, out })).toMatchObject({ pictures: 6, skipped: 5 })
      const skipped = (await linesOf(out)).filter((line) => 'skipped' in line)
      expect(skipped.map(({ picture }) => picture)).toEqual([
        'cut.jpg',
        'empty.png',
        'sub/damaged-text.png',
        'sub/other-text.png',
        'text.jpg',
      ])
      const reasons = [
        /cut\.jpg cannot be decoded/,
        /empty/,
        /no JSON/,
        /900,0,999,9.*320 x 240/,
        /cannot be decoded/,
      ]
      for (const [i, reason] of reasons.entries()) expect(skipped[i]!.skipped).toMatch(reason)
    })
  })

  it('refuses other settings, other pictures, an empty folder, damaged files and numbers that cannot be', async () => {
    await inTempDir(async (directory) => {
      const pictures = join(directory, 'pictures')
      await writePictures(pictures, 2)
      const out = join(directory, 'regions.jsonl')
      await proposeRegions({ pictures, out })
      await expect(proposeRegions({ pictures, out, rule: { maxRegions: 2 } })).rejects.toThrow(
        /maxRegions 4, now it is 2/,
      )
      await rename(out, `${out}.part`)
      await expect(proposeRegions({ pictures, out, type: 'x' })).rejects.toThrow(
        /type "natural", now it is "x"/,
      )
      await rename(join(pictures, 'p001.jpg'), join(pictures, 'q.jpg'))
      await expect(proposeRegions({ pictures, out })).rejects.toThrow(
        /p001\.jpg, where the folder now has q\.jpg/,
      )
      await writeFile(`${out}.part`, 'x\ny\n')
      await expect(proposeRegions({ pictures, out })).rejects.toThrow(/line 1: no JSON/)
      await appendFile(out, '{"picture":1}\n')
      await expect(proposeRegions({ pictures, out })).rejects.toThrow(/line 1: no header/)
      await put(join(directory, 'empty/notes.txt'), '')
      const empty = { pictures: join(directory, 'empty'), out: join(directory, 'x') }
      await expect(proposeRegions(empty)).rejects.toThrow(/holds no pictures/)
      const missing = { pictures: join(directory, 'nowhere'), out }
      await expect(proposeRegions(missing)).rejects.toThrow(ResourceError)
      await expect(proposeRegions({ pictures, out, concurrency: 0 })).rejects.toThrow(InvalidArgumentError)
      await expect(proposeRegions({ pictures, out, rule: { maxOverlap: 2 } })).rejects.toThrow(/maxOverlap 2/)
    })
  })
})
