// What is asked of a server on this machine, what becomes of the answers, and that nothing is asked twice.

import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { answerAll, captionsOf, prepared, quick } from './caption.fixture.ts'
import { type CaptionOptions, captionRegions } from './caption.ts'
import { answer, put, type Reply, withServer, writePicture } from './engine.fixture.ts'
import { proposeRegions } from './propose.ts'
import type { PictureRegions } from './regions-file.ts'

describe('captionRegions', () => {
  it('shows the whole picture and the close-up, and writes the answers beside their boxes', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 2)
      await withServer(
        () => answerAll,
        async (url, asked) => {
          const server = { ...quick, url, apiKey: 'secret' }
          const summary = await captionRegions({ ...files, server })
          expect(summary).toMatchObject({ total: 6, answered: 6, asked: 6, failed: 0, empty: 0, badBoxes: 0 })
          expect(summary).toMatchObject({ promptTokens: 600, completionTokens: 60 })
          expect(asked.map(({ pictures }) => pictures).sort()).toEqual([1, 1, 2, 2, 2, 2])
          expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer secret']))
          const region = asked.find(({ pictures }) => pictures === 2)!
          expect(region.prompt).toMatch(
            /320 x 240 pixels.*close-up of its (upper left|lower right) part, from \(\d+, \d+\)/,
          )
        },
      )
      const before = await captionsOf(files.regions)
      const after = await captionsOf(files.out)
      expect(after.map(({ picture, box }) => ({ picture, box }))).toEqual(
        before.map(({ picture, box }) => ({ picture, box })),
      )
      for (const { text, global_text: globalText } of after) {
        expect(text).toEqual([
          expect.stringMatching(/^A patch \w+\.$/),
          expect.stringMatching(/^A patch \w+\.$/),
        ])
        expect(globalText).toMatch(/^All \w+\.$/)
      }
      for (const file of [files.out, `${files.out}.answers`])
        expect(await readFile(file, 'utf8')).not.toContain('secret')
    })
  })

  it('is the only one who asks for its file', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      const second: Promise<unknown>[] = []
      const reply: Reply = async (response, ...rest) => {
        second.push(captionRegions({ ...files, server: { ...quick, url } }).catch((error: unknown) => error))
        await second[0]
        return answerAll(response, ...rest)
      }
      let url = ''
      await withServer(
        () => reply,
        async (address, asked) => {
          url = address
          expect(await captionRegions({ ...files, server: { ...quick, url } })).toMatchObject({ asked: 3 })
          expect(asked).toHaveLength(3)
        },
      )
      expect(String(await second[0])).toContain(`captions.jsonl is being written by process ${process.pid}`)
    })
  })

  it('asks nothing twice: not in another run, not after a half-written line, not for a copy of a picture', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 2)
      await withServer(
        () => answerAll,
        async (url, asked) => {
          const options = { ...files, server: { ...quick, url } }
          await captionRegions(options)
          const whole = await readFile(files.out, 'utf8')
          expect(await captionRegions(options)).toMatchObject({ asked: 0, answered: 6, promptTokens: 600 })
          expect(asked).toHaveLength(6)
          const answers = await readFile(`${files.out}.answers`, 'utf8')
          await writeFile(`${files.out}.answers`, answers.slice(0, -20))
          expect(await captionRegions(options)).toMatchObject({ asked: 1, answered: 6 })
          expect(await readFile(files.out, 'utf8')).toBe(whole)
          await captionRegions({ ...options, prompts: { global: 'What is it?' } })
          expect(asked.slice(7).map(({ prompt }) => prompt)).toEqual(['What is it?', 'What is it?'])
          const [, line] = (await readFile(files.regions, 'utf8')).split('\n')
          await appendFile(files.regions, `${line}\n`)
          expect(await captionRegions(options)).toMatchObject({ asked: 0, total: 6 })
        },
      )
    })
  })

  it('asks nothing about documents: their text is known', async () => {
    await inTempDir(async (directory) => {
      await writePicture(join(directory, 'pictures/page.png'), 200, 300, [])
      const known = { text: ['Total 12.50'], box: [[20, 20, 90, 34]], global_text: 'A receipt' }
      await put(join(directory, 'pictures/page.json'), JSON.stringify(known))
      const files = { regions: join(directory, 'r'), out: join(directory, 'c') }
      await proposeRegions({ pictures: join(directory, 'pictures'), out: files.regions })
      await withServer(
        () => answerAll,
        async (url, asked) => {
          expect(await captionRegions({ ...files, server: { ...quick, url } })).toMatchObject({ total: 0 })
          expect(asked).toEqual([])
        },
      )
      expect(await captionsOf(files.out)).toMatchObject([{ text: ['Total 12.50'], global_text: 'A receipt' }])
    })
  })

  it('asks as many at a time as it may', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 3)
      // Three wait for each other: with fewer at a time none would end.
      let waiting: (() => void)[] = []
      let most = 0
      const together: Reply = async (...request) => {
        await new Promise<void>((resolve) => {
          most = Math.max(most, waiting.push(resolve))
          if (waiting.length < 3) return
          for (const release of waiting) release()
          waiting = []
        })
        await answerAll(...request)
      }
      await withServer(
        () => together,
        (url) => captionRegions({ ...files, concurrency: 3, server: { ...quick, url } }),
      )
      expect(most).toBe(3)
    })
  })

  it('fills templates, and keeps sentences that an answer ended in the middle of', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      const prompts = { region: '{{ place }} {{x1}},{{y1}}', global: '{{width}}x{{height}}' }
      const replies: Record<number, Reply> = {
        0: (response) => answer(response, 'A red sign. It reads "STOP." Next to it a', 'length'),
        1: (response) => answer(response, 'no sentence that ends', 'length'),
        2: (response) => answer(response, '   '),
      }
      await withServer(
        (request) => replies[request]!,
        async (url, asked) => {
          const options = { ...files, prompts, concurrency: 1, server: { ...quick, url } }
          expect(await captionRegions(options)).toMatchObject({ answered: 3, empty: 2, failed: 0 })
          expect(asked[0]!.prompt).toMatch(/^(upper left|lower right) part \d+,\d+$/)
          expect(asked[2]!.prompt).toBe('320x240')
          // They are paid for: not again.
          expect(await captionRegions(options)).toMatchObject({ asked: 0, empty: 2 })
        },
      )
      const [line] = await captionsOf(files.out)
      expect(line).toMatchObject({ text: ['A red sign. It reads "STOP."'], box: [expect.any(Array)] })
      expect(line).not.toHaveProperty('global_text')
    })
  })
})

describe('captionRegions with bad input', () => {
  it('leaves out and counts boxes that are none, and pictures that have changed', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 2)
      const [header, first, second] = (await readFile(files.regions, 'utf8')).split('\n') as [
        string,
        string,
        string,
      ]
      const line = JSON.parse(first) as PictureRegions
      const box = [
        [9, 9, 3, 3],
        [5, 5, 5, 9],
        [400, 0, 500, 9],
        [null, 0, 1, 1],
        [0, 0, 9],
        [-5, 10, 40, 400],
        [1, 2, 30, 40],
      ]
      await writeFile(files.regions, `${header}\n${JSON.stringify({ ...line, box })}\n${second}\n`)
      await writePicture(join(directory, 'pictures/p001.jpg'), 320, 240, [])
      await withServer(
        () => answerAll,
        async (url) => {
          const summary = await captionRegions({ ...files, server: { ...quick, url } })
          expect(summary).toMatchObject({ total: 6, asked: 3, failed: 3, badBoxes: 5 })
          expect(summary.lastFailure).toMatch(/p001\.jpg has changed/)
        },
      )
      const [after] = await captionsOf(files.out)
      expect(after!.box).toEqual([
        [0, 10, 40, 240],
        [1, 2, 30, 40],
      ])
    })
  })

  it.each<[string, Partial<CaptionOptions> & { url?: string; model?: string }, RegExp]>([
    [
      'a placeholder that nothing fills',
      { prompts: { region: 'Look at {{box}}' } },
      /\{\{box\}\}.*\{\{x1\}\}/,
    ],
    ['an empty prompt', { prompts: { global: ' ' } }, /global prompt is empty/],
    ['no concurrency', { concurrency: 0 }, /concurrency 0/],
    ['an address that is none', { url: 'localhost' }, /server localhost.*http:\/\/localhost:8000\/v1/],
    ['another protocol', { url: 'ftp://x/v1' }, /http or https/],
    ['a password in the address', { url: 'http://a:b@x/v1' }, /must not hold a password/],
    ['no model', { model: '' }, /name the model/],
  ])(
    'refuses %s before it asks',
    async (_, { url = 'http://127.0.0.1:9', model = 'm', ...more }, message) => {
      const failed = captionRegions({ regions: 'r', out: 'o', server: { url, model }, ...more })
      await expect(failed).rejects.toThrow(message)
      await expect(failed).rejects.toBeInstanceOf(InvalidArgumentError)
    },
  )

  it.each<[string, (lines: string[]) => string[], RegExp]>([
    ['no regions', () => [''], /is empty/],
    ['another file', () => ['{"a": 1}'], /line 1: no header/],
    ['a line that is cut off', ([header, line]) => [header!, line!.slice(0, 30)], /line 2: no JSON/],
    [
      'a picture outside',
      ([header, line]) => [header!, line!.replace('p000', '../p000')],
      /line 2:.*outside/,
    ],
    ['no size', ([header, line]) => [header!, line!.replace('320', '0')], /line 2: width is 0/],
    ['no hash', ([header, line]) => [header!, line!.replace('sha256', 'sha')], /line 2:.*sha256/],
    [
      'captions without boxes',
      ([header, line]) => [header!, line!.replace('"box"', '"text":["a"],"box"')],
      /1 captions for 2 boxes/,
    ],
  ])('refuses %s and names the line', async (_, damage, message) => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      await writeFile(files.regions, damage((await readFile(files.regions, 'utf8')).split('\n')).join('\n'))
      const server = { ...quick, url: 'http://127.0.0.1:9' }
      await expect(captionRegions({ ...files, server })).rejects.toThrow(message)
    })
  })

  it('refuses answers that are none', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      await writeFile(`${files.out}.answers`, '{"key": 1}\n')
      const server = { ...quick, url: 'http://127.0.0.1:9' }
      await expect(captionRegions({ ...files, server })).rejects.toThrow(
        /captions\.jsonl\.answers, line 1: no answer/,
      )
    })
  })
})
