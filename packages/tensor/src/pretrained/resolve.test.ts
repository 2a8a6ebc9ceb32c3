import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveBytes, startServer, type TestServer } from '../../test/http-server.ts'
import { ConfigError, InvalidArgumentError, ResourceError } from '../errors.ts'
import { resolvePretrained, resolveRelative } from './resolve.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ps3-resolve-'))
  await mkdir(join(directory, 'models', 'tiny', 'text'), { recursive: true })
  await mkdir(join(directory, 'tokenizers', 'unigram'), { recursive: true })
  await writeFile(join(directory, 'models', 'tiny', 'config.json'), '{"a": 1}')
  await writeFile(join(directory, 'models', 'tiny', 'broken.json'), '{"a": ')
  await writeFile(join(directory, 'models', 'tiny', 'latin.txt'), Buffer.from([0xe9]))
  await writeFile(join(directory, 'tokenizers', 'unigram', 'tokenizer.json'), '{}')
})
afterAll(() => rm(directory, { recursive: true }))

describe('resolvePretrained with a directory', () => {
  it('reads its files', async () => {
    const files = await resolvePretrained(join(directory, 'models'))
    const tiny = files.subdirectory('tiny')
    expect(await tiny.readJson('config.json')).toEqual({ a: 1 })
    expect(await tiny.has('config.json')).toBe(true)
    expect(await tiny.has('nothing.json')).toBe(false)
    expect(await tiny.has('text')).toBe(false)
    expect(tiny.location).toBe(join(directory, 'models', 'tiny'))
    const byUrl = await resolvePretrained(`file://${directory}/models/tiny`)
    expect(await byUrl.readText('config.json')).toBe('{"a": 1}')
  })

  it('names what is missing or malformed', async () => {
    const files = await resolvePretrained(join(directory, 'models', 'tiny'))
    await expect(files.readText('nothing.json')).rejects.toThrow(
      /nothing.json does not exist; check that .*tiny is the right/,
    )
    await expect(files.readText('text')).rejects.toThrow(/is a directory, not a file/)
    await expect(files.readJson('broken.json')).rejects.toBeInstanceOf(ConfigError)
    await expect(files.readJson('broken.json')).rejects.toThrow(/broken.json is not valid JSON/)
    await expect(files.readText('latin.txt')).rejects.toThrow(/not UTF-8/)
    await expect(async () => files.open('../x')).rejects.toThrow(/not a file name inside a folder/)
  })

  it('follows references between directories', async () => {
    const files = await resolvePretrained(join(directory, 'models', 'tiny'))
    expect(await (await resolveRelative(files, '../../tokenizers/unigram')).has('tokenizer.json')).toBe(true)
    expect((await resolveRelative(files, 'text')).location).toBe(join(directory, 'models', 'tiny', 'text'))
    expect((await resolveRelative(files, join(directory, 'tokenizers'))).location).toBe(
      join(directory, 'tokenizers'),
    )
    await expect(resolveRelative(files, '../nothing')).rejects.toThrow(
      /tiny refers to ..\/nothing, but there is no directory .*models\/nothing/,
    )
    await expect(resolveRelative(files, '../nothing')).rejects.toBeInstanceOf(ResourceError)
  })

  it.each([
    ['/no/such/place', ResourceError, /There is no directory \/no\/such\/place/],
    ['./nothing', ResourceError, /There is no directory/],
    ['a/b/c', ResourceError, /There is no directory a\/b\/c/],
    ['', InvalidArgumentError, /neither a directory that exists/],
    ['nothing', InvalidArgumentError, /nor owner\/name/],
    ['a/b@', InvalidArgumentError, /nor owner\/name/],
    ['a/b@x/../y', InvalidArgumentError, /not a branch, tag or commit/],
    ['http://', InvalidArgumentError, /not a valid URL/],
    ['owner/na me', InvalidArgumentError, /nor owner\/name/],
  ])('refuses %j', async (ref, type, message) => {
    const error = await resolvePretrained(ref).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(type)
    expect((error as Error).message).toMatch(message)
  })

  it('refuses a file, and two different revisions', async () => {
    await expect(resolvePretrained(join(directory, 'models', 'tiny', 'config.json'))).rejects.toThrow(
      /is a file; pass the directory/,
    )
    await expect(resolvePretrained('a/b@one', { revision: 'two' })).rejects.toThrow(
      /revision one, the options for two/,
    )
  })
})

describe('resolvePretrained with a base URL', () => {
  const text = new TextEncoder().encode('x'.repeat(100_000))
  let server: TestServer
  let cache: string
  let base: string
  let version = 1
  beforeAll(async () => {
    server = await startServer(() => {})
  })
  afterAll(() => server.close())
  beforeEach(async () => {
    version = 1
    cache = await mkdtemp(join(directory, 'cache-'))
    base = `${server.origin}/${crypto.randomUUID()}/model`
    server.log.length = 0
    server.answer = (request, response) => {
      if (!request.url!.split('?')[0]!.endsWith('/big.txt')) response.writeHead(404).end()
      else if (request.headers['if-none-match'] === `"v${version}"`) response.writeHead(304).end()
      else serveBytes(request, response, text, { etag: `"v${version}"` })
    }
  })
  const options = () => ({ cacheDir: cache, retryDelayMs: 1 })

  it('keeps a copy and asks whether it is still right', async () => {
    const read = async () => (await (await resolvePretrained(base, options())).readText('big.txt')).length
    expect(await read()).toBe(text.length)
    expect(await read()).toBe(text.length)
    const folders = await readdir(cache)
    expect(folders).toHaveLength(1)
    expect((await readdir(join(cache, folders[0]!))).sort()).toHaveLength(2)
    version = 2
    expect(await read()).toBe(text.length)
    const files = await readdir(join(cache, folders[0]!))
    expect(files).toHaveLength(2)
    expect(JSON.parse(await readFile(join(cache, folders[0]!, 'download.json'), 'utf8')).etag).toBe('"v2"')
  })

  it('uses the copy without a network', async () => {
    const gone = await startServer((request, response) => serveBytes(request, response, text))
    const first = await resolvePretrained(gone.origin, options())
    await first.open('big.txt')
    await gone.close()
    const second = await resolvePretrained(gone.origin, options())
    expect(await second.has('big.txt')).toBe(true)
    expect(await second.readText('big.txt')).toHaveLength(text.length)
    await expect(second.readText('other.txt')).rejects.toThrow(/cannot be reached \(ECONNREFUSED\)/)
  })

  it('keeps the query for every file, and says which file is missing', async () => {
    const files = await resolvePretrained(`${base}?key=secret`, options())
    server.answer = (request, response) => {
      expect(request.url).toMatch(/\?key=secret$/)
      if (request.url!.includes('big.txt')) serveBytes(request, response, text)
      else response.writeHead(404).end()
    }
    expect(await files.has('big.txt')).toBe(true)
    expect(await files.has('config.json')).toBe(false)
    const error = await files.open('config.json').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ResourceError)
    expect((error as Error).message).toMatch(/\/model\/config.json answered 404/)
    expect((error as Error).message).not.toContain('secret')
    expect(files.ref).not.toContain('secret')
  })

  it('takes 403 for absence only where something else may be read', async () => {
    server.answer = (request, response) => {
      if (request.url!.endsWith('big.txt')) serveBytes(request, response, text)
      else response.writeHead(403).end()
    }
    const files = await resolvePretrained(base, options())
    await expect(files.has('index.json')).rejects.toThrow(/answered 403/)
    expect(await files.has('big.txt')).toBe(true)
    expect(await files.has('index.json')).toBe(false)
  })

  it('goes on where a body broke, also on servers without ranges', async () => {
    for (const honoursRange of [true, false]) {
      server.answer = (request, response, count) => {
        if (!honoursRange) delete request.headers.range
        serveBytes(request, response, text, { breakAfter: count === 0 ? 40_000 : undefined })
      }
      const files = await resolvePretrained(`${base}-${honoursRange}`, options())
      expect(await files.readText('big.txt')).toBe(new TextDecoder().decode(text))
    }
    expect(server.log[1]).toMatch(/bytes=\d+-99999$/)
  })

  it('keeps nothing of a download that was cut short, changed or was cancelled', async () => {
    server.answer = (request, response) => serveBytes(request, response, text, { breakAfter: 0 })
    const short = await resolvePretrained(base, { ...options(), retries: 1 })
    await expect(short.open('big.txt')).rejects.toThrow(/broke after 0 of 100000 bytes/)
    server.answer = (() => {
      let asked = 0
      return (request, response) => {
        delete request.headers.range
        serveBytes(request, response, text, { breakAfter: 500, etag: `"v${asked++}"` })
      }
    })()
    const changing = await resolvePretrained(base, options())
    await expect(changing.open('big.txt')).rejects.toThrow(/changed while it was being downloaded/)
    const controller = new AbortController()
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('x')
    }
    const cancelled = await resolvePretrained(base, {
      ...options(),
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('stop')),
    })
    await expect(cancelled.open('big.txt')).rejects.toThrow('stop')
    expect((await readdir(cache, { recursive: true })).filter((name) => name.includes('big'))).toEqual([])
  })
})
