// Captions come from a server on this machine that answers, refuses, hangs and breaks off; nothing is asked twice.

import { createHash } from 'node:crypto'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { type CaptionOptions, captionRegions } from './caption.ts'
import {
  answer,
  inTempDir,
  put,
  type Reply,
  withServer,
  writePicture,
  writePictures,
} from './engine.fixture.ts'
import { proposeRegions } from './propose.ts'
import { type PictureRegions, regionLines } from './regions-file.ts'

/** Quick, so that tests do not wait. */
const quick = { model: 'tiny-vl', backOffMs: 1, timeoutMs: 500 }

const answerAll: Reply = (response, { prompt, pictures }) =>
  answer(
    response,
    `${pictures === 2 ? 'A patch' : 'All'} ${createHash('sha256').update(prompt).digest('hex').slice(0, 8)}.`,
  )

/** `count` pictures with their regions proposed (two each); gives the options of a run. */
async function prepared(directory: string, count: number): Promise<Omit<CaptionOptions, 'server'>> {
  const regions = join(directory, 'regions.jsonl')
  await writePictures(join(directory, 'pictures'), count)
  await proposeRegions({ pictures: join(directory, 'pictures'), out: regions, rule: { maxRegions: 2 } })
  return { regions, out: join(directory, 'captions.jsonl') }
}

async function captionsOf(path: string): Promise<PictureRegions[]> {
  const lines: PictureRegions[] = []
  for await (const line of regionLines(path)) if (!('skipped' in line)) lines.push(line)
  return lines
}

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
      let underWay = 0
      let most = 0
      const slow: Reply = async (...request) => {
        most = Math.max(most, ++underWay)
        await new Promise((resolve) => setTimeout(resolve, 30))
        underWay--
        await answerAll(...request)
      }
      await withServer(
        () => slow,
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

describe('captionRegions with a server in trouble', () => {
  const html: Reply = (response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<html><body>Bad gateway</body></html>')
  }
  const status =
    (code: number, headers: Record<string, string> = {}, body = `{"error": "${code}"}`): Reply =>
    (response) => {
      response.writeHead(code, headers)
      response.end(body)
    }
  const hang: Reply = () => {}
  const half: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
    response.write('{"choices": [{"message"')
    setTimeout(() => response.destroy(), 10)
  }
  const passing: [string, Reply][] = [
    ['429 with a wait in seconds', status(429, { 'retry-after': '0' })],
    ['429 with a date', status(429, { 'retry-after': new Date(0).toUTCString() })],
    ['500', status(500)],
    ['503 of a proxy', status(503, {}, '<html>')],
    ['HTML with status 200', html],
    ['half an answer', half],
    ['JSON that is cut off', status(200, {}, '{"choices": [{"mess')],
    ['JSON that is no completion', status(200, {}, '{"detail": "loading"}')],
    ['no answer in time', hang],
    ['half an answer and then nothing', (response) => void response.write('{')],
    ['a broken connection', (response) => void response.destroy()],
  ]
  it.each(passing)('tries again after %s', async (_, trouble) => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      await withServer(
        (request) => (request < 2 ? trouble : answerAll),
        async (url, asked) => {
          const server = { ...quick, url, timeoutMs: 250 }
          const summary = await captionRegions({ ...files, concurrency: 1, server })
          expect(summary).toMatchObject({ asked: 3, failed: 0, promptTokens: 300 })
          expect(asked).toHaveLength(5)
        },
      )
    })
  })

  it('lets every question wait as long as a 429 says', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      const times: number[] = []
      await withServer(
        (request) => {
          times.push(performance.now())
          return request === 0 ? status(429, { 'retry-after': '1' }) : answerAll
        },
        (url) => captionRegions({ ...files, concurrency: 1, server: { ...quick, url } }),
      )
      expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(995)
    })
  })

  it.each<[string, Reply, RegExp]>([
    [
      'a wrong key',
      status(401, {}, '{"error": "no such key"}'),
      /chat\/completions answered 401: .*no such key/,
    ],
    ['a wrong address', status(404, {}, '<html>Not found</html>'), /answered 404: <html>Not found/],
    ['a redirect', status(308, { location: 'https://elsewhere/v1' }), /redirects to https:\/\/elsewhere\/v1/],
  ])('stops at %s at once, and says so', async (_, reply, message) => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      await withServer(
        () => reply,
        async (url, asked) => {
          const failed = captionRegions({ ...files, concurrency: 1, server: { ...quick, url } })
          await expect(failed).rejects.toThrow(message)
          await expect(failed).rejects.toBeInstanceOf(ResourceError)
          expect(asked).toHaveLength(1)
        },
      )
      await expect(readFile(files.out)).rejects.toThrow(/ENOENT/)
    })
  })

  it('counts questions that are refused or fail, leaves their regions out, and asks them in the next run', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 2)
      await withServer(
        (request) => (request === 0 ? status(400, {}, 'picture too large') : request <= 2 ? html : answerAll),
        async (url) => {
          const options = { ...files, concurrency: 1, server: { ...quick, url, retries: 1 } }
          const summary = await captionRegions(options)
          expect(summary).toMatchObject({ total: 6, answered: 4, failed: 2 })
          expect(summary.lastFailure).toMatch(/answered 200: <html>.*no chat completion.*; tried 2 times/)
          expect((await captionsOf(files.out)).map(({ text }) => text!.length)).toEqual([0, 2])
          expect(await captionRegions(options)).toMatchObject({ asked: 2, answered: 6, failed: 0 })
          expect((await captionsOf(files.out)).map(({ text }) => text!.length)).toEqual([2, 2])
        },
      )
    })
  })

  it('gives up when ten questions in a row fail, keeping what was answered', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 4)
      await withServer(
        (request) => (request < 2 ? answerAll : status(500)),
        async (url, asked) => {
          const options = { ...files, concurrency: 1, server: { ...quick, url, retries: 0 } }
          await expect(captionRegions(options)).rejects.toThrow(/10 questions in a row failed.*500/)
          expect(asked).toHaveLength(12)
        },
      )
      await withServer(
        () => answerAll,
        async (url) => {
          const options = { ...files, server: { ...quick, url } }
          expect(await captionRegions(options)).toMatchObject({ asked: 10, answered: 12 })
        },
      )
    })
  })

  it('says when nobody listens', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 4)
      const server = { ...quick, url: 'http://127.0.0.1:9', retries: 0 }
      await expect(captionRegions({ ...files, server })).rejects.toThrow(
        /127\.0\.0\.1:9.*(ECONNREFUSED|bad port)/,
      )
    })
  })

  it('ends at once on an abort, also while the server hangs or a pause lasts', async () => {
    await inTempDir(async (directory) => {
      const files = await prepared(directory, 1)
      for (const reply of [hang, status(429, { 'retry-after': '60' })]) {
        await withServer(
          () => reply,
          async (url) => {
            const controller = new AbortController()
            setTimeout(() => controller.abort(), 300)
            const begun = performance.now()
            const server = { ...quick, url, timeoutMs: 60_000 }
            await expect(captionRegions({ ...files, server, signal: controller.signal })).rejects.toThrow(
              /abort/i,
            )
            expect(performance.now() - begun).toBeLessThan(5000)
          },
        )
      }
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
