// The contact sheet and the checks: what they count, what they find, and that nothing in the data becomes HTML.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { openDataset, openShards } from '../read/index.ts'
import { type Entry, makeTar, picture, record, writeShards } from '../read/tars.fixture.ts'
import { ShardWriter } from '../write/index.ts'
import { contactSheet, type DatasetProblem, inspectDataset, verifyDataset } from './index.ts'

async function mixedShard(directory: string): Promise<string> {
  const png = await picture(1)
  const evil = '<img src=x onerror=alert(1)>"\'&'
  const entries: Entry[] = [
    ['a.png', png],
    ['a.json', JSON.stringify(record(1))],
    ['b<b>.png', png],
    ['b<b>.json', JSON.stringify(record(2, { text: [evil, 'right'], global_text: evil, type: evil }))],
    ['c.png', png],
    ['c.json', JSON.stringify({ text: ['far away'], box: [[100, 0, 120, 9]] })],
    ['d.png', 'no picture'],
    ['d.json', JSON.stringify(record(3))],
    ['e.json', JSON.stringify(record(3))],
  ]
  const path = join(directory, 'x.tar')
  await writeFile(path, await makeTar(entries))
  return path
}

describe('inspectDataset', () => {
  it('counts samples, sizes, boxes and captions, and what was skipped and why', async () => {
    await inTempDir(async (directory) => {
      const inspection = await inspectDataset(openShards(await mixedShard(directory)))
      expect(inspection).toMatchObject({ samples: 2, shards: 1, withGlobalText: 2, skippedCount: 3 })
      expect(inspection.types.natural).toBe(1)
      expect(inspection.skipped.map(({ key }) => key)).toEqual(['c', 'd', 'e'])
      expect(Object.values(inspection.skippedBy)).toEqual([1, 1, 1])
      expect(inspection.distributions['picture width']).toMatchObject({
        count: 2,
        min: 64,
        median: 64,
        max: 64,
      })
      expect(inspection.distributions['boxes of a picture']).toMatchObject({ count: 2, mean: 2 })
      expect(inspection.distributions['share of the picture in a box']?.min).toBeCloseTo(
        (18 * 27) / (64 * 48),
      )
      expect(inspection.distributions['words of a caption']).toMatchObject({ count: 4, min: 1, max: 8 })
      expect(inspection.shown.map(({ key }) => key)).toEqual(['a', 'b<b>'])
    })
  })

  it('shows a page in which nothing of the data is HTML', async () => {
    await inTempDir(async (directory) => {
      const page = contactSheet(
        'data & <more>',
        await inspectDataset(openShards(await mixedShard(directory))),
      )
      expect(page).not.toContain('<img src=x')
      expect(page).not.toContain('<b>.')
      expect(page).toContain('&#60;img src=x onerror=alert(1)&#62;')
      expect(page).toContain("default-src 'none'")
      expect(page.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(2)
      expect(page.match(/<rect x="2" y="3" width="18" height="27"/g)).toHaveLength(2)
      expect(page).toContain('its picture cannot be decoded')
      expect(page).not.toMatch(/(src|href)="http/)
    })
  })

  it('shows questions with their answers, as text, and skips records whose questions are none', async () => {
    await inTempDir(async (directory) => {
      const png = await picture(1)
      const question = { question: 'What says <b>?', answer: 'A&B', kind: 'word', boxes: [[2, 3, 20, 30]] }
      const bad = [{ ...question, answer: '' }, { ...question, boxes: [[1, 2]] }, { question: 'What?' }]
      const entries: Entry[] = [
        ['a.png', png],
        ['a.json', JSON.stringify(record(1, { questions: [{ ...question, minResolution: 756 }] }))],
        ...bad.flatMap((one, i): Entry[] => [
          [`b${i}.png`, png],
          [`b${i}.json`, JSON.stringify({ ...record(2), questions: [one] })],
        ]),
      ]
      const path = join(directory, 'x.tar')
      await writeFile(path, await makeTar(entries))
      const inspection = await inspectDataset(openShards(path))
      expect(inspection).toMatchObject({ samples: 1, skippedCount: 3 })
      expect(inspection.distributions['questions about a picture']).toMatchObject({ count: 1, mean: 1 })
      expect(inspection.skipped.map(({ reason }) => reason)).toEqual([
        expect.stringMatching(/question 0 needs a text/),
        expect.stringMatching(/box 0 is \[1,2\]/),
        expect.stringMatching(/question 0 needs a text/),
      ])
      const page = contactSheet('x', inspection)
      expect(page).toContain('What says &#60;b&#62;? <b>A&#38;B</b>')
      expect(page).toContain('word, from 756 px, [2, 3, 20, 30]')
    })
  })

  it('draws what it shows evenly from all, the same for a seed', async () => {
    await inTempDir(async (directory) => {
      const { single } = await writeShards(directory, { shards: 2, each: 20 })
      const shown = async (options: object) =>
        (await inspectDataset(openShards(single), { pictures: 6, ...options })).shown.map(({ key }) => key)
      const keys = await shown({ seed: 3 })
      expect(keys).toHaveLength(6)
      expect(keys).not.toEqual(['s0', 's1', 's2', 's3', 's4', 's5'])
      expect(await shown({ seed: 3 })).toEqual(keys)
      expect(await shown({ seed: 4 })).not.toEqual(keys)
      expect(await shown({ limit: 3 })).toEqual(['s0', 's1', 's2'])
    })
  })
})

describe('verifyDataset', () => {
  async function verify(location: string, records?: string, decode = false) {
    const { source, index } = await openDataset(location, records)
    const problems: DatasetProblem[] = []
    const written = index ? { directory: location, index } : undefined
    const onProblem = (problem: DatasetProblem) => problems.push(problem)
    const report = await verifyDataset(source, { written, decode, onProblem })
    expect(report.problems).toBe(problems.length)
    return { ...report, problems: problems.map(({ key, reason }) => `${key ?? '-'}: ${reason}`) }
  }

  async function write(directory: string, layout: 'paired' | 'single') {
    const writer = await ShardWriter.open(directory, { layout, maxSamples: 3 })
    for (let i = 0; i < 7; i++)
      await writer.add({ key: `s${i}`, picture: await picture(i), record: record(i) })
    return writer.finish()
  }

  it.each(['paired', 'single'] as const)('agrees with what the writer wrote: %s', async (layout) => {
    await inTempDir(async (directory) => {
      await write(directory, layout)
      const report = await verify(directory, undefined, true)
      expect(report).toEqual({ samples: 7, checkedFiles: layout === 'paired' ? 6 : 3, problems: [] })
    })
  })

  it('finds one changed byte, a cut file and exchanged shards', async () => {
    await inTempDir(async (directory) => {
      await write(directory, 'paired')
      const path = (name: string) => join(directory, name)
      const bytes = await readFile(path('images-000000.tar'))
      bytes[600]! ^= 1
      await writeFile(path('images-000000.tar'), bytes)
      const records = await readFile(path('records-000001.tar'))
      await writeFile(path('records-000001.tar'), records.subarray(0, records.length - 1024))
      const { problems } = await verify(directory)
      expect(problems).toEqual([
        expect.stringMatching(/^-: its SHA-256 is [\da-f]{64}, its index says/),
        expect.stringMatching(/^-: it is \d+ bytes long, its index says/),
        expect.stringMatching(/^-: .*records-000001\.tar is damaged or cut off/),
      ])
      await rename(path('records-000000.tar'), path('x.tar'))
      await rename(path('records-000002.tar'), path('records-000000.tar'))
      const swapped = await verify(directory)
      expect(swapped.problems.join('\n')).toMatch(/sample 0 of .*images-000000.tar is key "s0", of .*"s6"/)
      expect(swapped.problems.join('\n')).toMatch(/there is no such file/)
    })
  })

  it('finds boxes that reach out, keys that come twice, and with decode pictures that break off', async () => {
    await inTempDir(async (directory) => {
      const png = await picture(1)
      const entries: Entry[] = [
        ['a.png', png],
        ['a.json', JSON.stringify(record(1))],
        ['out.png', png],
        ['out.json', JSON.stringify({ text: ['x'], box: [[60, 40, 65, 48]] })],
        ['cut.png', png.subarray(0, png.length - 60)],
        ['cut.json', JSON.stringify(record(1))],
        ['a.png', png],
        ['a.json', JSON.stringify(record(1))],
      ]
      const path = join(directory, 'x.tar')
      await writeFile(path, await makeTar(entries))
      const found = [
        'out: box 0 [60, 40, 65, 48] reaches beyond its picture of 64x48',
        expect.stringMatching(/^a: its key was seen before, in .*x\.tar/),
      ]
      expect((await verify(path)).problems).toEqual(found)
      const decoded = (await verify(path, undefined, true)).problems
      expect(decoded).toEqual([
        found[0],
        expect.stringMatching(/^cut: its picture cannot be decoded/),
        found[1],
      ])
    })
  })

  it('says that a folder without an index is unfinished', async () => {
    await inTempDir(async (directory) => {
      await expect(openDataset(directory)).rejects.toThrow(/holds no index\.json: its dataset is unfinished/)
    })
  })
})
