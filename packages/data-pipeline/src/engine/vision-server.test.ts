// A server that refuses, hangs and breaks off: tried again, counted, or a clear error, and never a socket left open.

import { readFile } from 'node:fs/promises'
import { ResourceError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { answerAll, captionsOf, prepared, quick } from './caption.fixture.ts'
import { captionRegions } from './caption.ts'
import { type Reply, withServer } from './engine.fixture.ts'

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
          // Only those that hang run into the limit; what answers late on a busy machine is asked once more.
          const server = { ...quick, url, timeoutMs: 1000 }
          const summary = await captionRegions({ ...files, concurrency: 1, server })
          expect(summary).toMatchObject({ asked: 3, failed: 0, promptTokens: 300 })
          expect(asked.length).toBeGreaterThanOrEqual(5)
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
