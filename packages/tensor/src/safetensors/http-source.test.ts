import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveBytes, startServer, type TestServer } from '../../test/http-server.ts'
import { InvalidArgumentError, ResourceError } from '../errors.ts'
import type { TransferProgress } from './byte-source.ts'
import { httpSource } from './http-source.ts'
import { openSafetensors } from './reader.ts'
import { serializeSafetensors } from './writer.ts'

const values = Float32Array.from({ length: 100_000 }, (_, i) => i)
const file = serializeSafetensors({ a: { dtype: 'F32', shape: [100, 1000], data: values } })
/** Short pauses, so that the tests of retrying are quick. */
const quick = { retryDelayMs: 1 }

let server: TestServer
let url: string
beforeAll(async () => {
  server = await startServer(() => {})
})
afterAll(() => server.close())
beforeEach(() => {
  server.log.length = 0
  server.answer = (request, response) => serveBytes(request, response, file)
  url = `${server.origin}/${crypto.randomUUID()}/model.safetensors`
})

/** Much faster on large arrays than toEqual. */
function isEqual(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

async function readAll(source = httpSource(url, quick)): Promise<void> {
  const opened = await openSafetensors(source)
  expect(isEqual(await opened.readFloat32('a'), values)).toBe(true)
}

describe('httpSource', () => {
  it('reads a header and a tensor with two requests', async () => {
    await readAll()
    expect(server.log.map((line) => line.split(' ').slice(2).join(' '))).toEqual([
      'bytes=0-65535',
      `bytes=${file.length - 400_000}-${file.length - 1}`,
    ])
  })

  it('follows redirects and sends headers', async () => {
    server.answer = (request, response) => {
      expect(request.headers['x-key']).toBe('k')
      if (request.url!.startsWith('/real')) serveBytes(request, response, file)
      else response.writeHead(302, { location: '/real' }).end()
    }
    await readAll(httpSource(url, { ...quick, headers: { 'x-key': 'k' } }))
  })

  it('retries failures of the server', async () => {
    server.answer = (request, response, count) => {
      if (count < 2) response.writeHead(count === 0 ? 503 : 429, { 'retry-after': '0' }).end('later')
      else serveBytes(request, response, file)
    }
    await readAll()
    expect(server.log).toHaveLength(4)
  })

  it('resumes in the middle of broken bodies', async () => {
    server.answer = (request, response, count) =>
      serveBytes(request, response, file, { breakAfter: count % 2 === 0 ? 30_000 : 100_000 })
    const progress: TransferProgress[] = []
    await readAll(httpSource(url, { ...quick, onProgress: (step) => progress.push(step) }))
    expect(progress.at(-1)!.total).toBe(file.length)
    // The prefetched head is read again with the tensor, so a little more than the file arrives.
    expect(progress.at(-1)!.loaded).toBeGreaterThanOrEqual(400_000)
    const starts = server.log.map((line) => Number(/bytes=(\d+)/.exec(line)![1]))
    expect(starts.slice(1).filter((start) => start > 65_536).length).toBeGreaterThan(1)
  })

  it('asks a server that ignores Range once for the whole, also when that breaks', async () => {
    server.answer = (_, response) => response.writeHead(200, { 'content-length': file.length }).end(file)
    const source = httpSource(url, quick)
    await readAll(source)
    await readAll(source)
    expect(server.log).toHaveLength(1)
    const broken = httpSource(`${url}2`, quick)
    server.answer = (_, response, count) => {
      response.writeHead(200, { 'content-length': file.length })
      if (count > 0) response.end(file)
      else response.write(file.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 5))
    }
    await readAll(broken)
    expect(server.log).toHaveLength(3)
  })

  it('reads an empty file', async () => {
    server.answer = (request, response) => serveBytes(request, response, new Uint8Array(0))
    expect(await httpSource(url, quick).size()).toBe(0)
  })

  it('refuses ranges outside the file', async () => {
    const source = httpSource(url, quick)
    await expect(source.read(0, file.length + 1)).rejects.toBeInstanceOf(InvalidArgumentError)
    await expect(source.read(5, 4)).rejects.toThrow(/bytes 5 to 4 are not a range/)
  })

  it.each<[string, Record<string, string>]>([
    ['another start', { 'content-range': `bytes 1-65536/${file.length}` }],
    ['another end', { 'content-range': `bytes 0-7/${file.length}` }],
    ['no total', { 'content-range': 'bytes 0-65535/*' }],
    ['a total below the end', { 'content-range': 'bytes 0-65535/100' }],
    ['nonsense', { 'content-range': 'yes' }],
  ])('refuses a Content-Range with %s', async (_, headers) => {
    server.answer = (request, response) => serveBytes(request, response, file, { headers })
    const error = await openSafetensors(httpSource(url, quick)).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ResourceError)
    expect((error as Error).message).toMatch(/asked for bytes 0-65535, but the server's Content-Range is/)
  })

  it('notices a file that changes between requests', async () => {
    server.answer = (request, response, count) => serveBytes(request, response, file, { etag: `"v${count}"` })
    const opened = await openSafetensors(httpSource(url, quick))
    await expect(opened.readFloat32('a')).rejects.toThrow(
      /changed while it was being read \("v0", now "v1"\)/,
    )
  })

  it.each([
    [401, /answered 401: it wants credentials/],
    [403, /answered 403: access is denied/],
    [404, /answered 404: nothing is there; check the address/],
    [500, /answered 500: the server failed/],
  ])('explains status %d without showing secrets of the URL', async (status, message) => {
    server.answer = (_, response) => response.writeHead(status).end('no')
    const error = await httpSource(`${url}?token=secret`, { ...quick, retries: 1 })
      .size()
      .catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ResourceError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).not.toContain('secret')
    expect(server.log).toHaveLength(status === 500 ? 2 : 1)
  })

  it('gives up on a body that always breaks at the same place', async () => {
    server.answer = (request, response, count) =>
      serveBytes(request, response, file, { breakAfter: count === 0 ? 1000 : 0 })
    await expect(httpSource(url, { ...quick, retries: 2 }).size()).rejects.toThrow(
      /the connection broke after 1000 of 65536 bytes/,
    )
    expect(server.log).toHaveLength(3)
  })

  it('says when nobody answers, at once', async () => {
    const gone = await startServer(() => {})
    await gone.close()
    const error = await httpSource(`${gone.origin}/x`)
      .size()
      .catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ResourceError)
    expect((error as Error).message).toMatch(
      /cannot be reached \(ECONNREFUSED\): check the address and the network/,
    )
  })

  it('stops in the middle when cancelled, and can be read again', async () => {
    const controller = new AbortController()
    let isSlow = true
    server.answer = (request, response, count) => {
      if (count === 0 || !isSlow) return serveBytes(request, response, file)
      response.writeHead(206, {
        'content-range': `bytes ${file.length - 400_000}-${file.length - 1}/${file.length}`,
      })
      response.write(file.subarray(0, 1000))
      setTimeout(() => controller.abort(new Error('stop')), 20)
    }
    const opened = await openSafetensors(httpSource(url, quick))
    await expect(opened.readFloat32('a', { signal: controller.signal })).rejects.toThrow('stop')
    isSlow = false
    expect(isEqual(await opened.readFloat32('a'), values)).toBe(true)
  })
})
