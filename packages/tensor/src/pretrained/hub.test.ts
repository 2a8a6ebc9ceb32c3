import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Answer, serveBytes, startServer, type TestServer } from '../../test/http-server.ts'
import { InvalidArgumentError, ResourceError } from '../errors.ts'
import type { TransferProgress } from '../safetensors/byte-source.ts'
import { serializeSafetensors } from '../safetensors/writer.ts'
import { openCheckpoint } from './checkpoint.ts'
import { resolvePretrained, resolveRelative } from './resolve.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'
const weights = serializeSafetensors({
  a: { dtype: 'F32', shape: [50_000], data: new Float32Array(50_000).fill(0.5) },
})
const repository: Record<string, Uint8Array> = {
  'config.json': new TextEncoder().encode('{"model_type":"ps3"}'),
  'model.safetensors': weights,
  'tokenizer/vocab.txt': new TextEncoder().encode('a\nb\n'),
}
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Answers as huggingface.co does: the revision's commit and files, and redirects of weights to another path. */
const hub: Answer = (request, response) => {
  const path = decodeURIComponent(request.url!.split('?')[0]!)
  if (/^\/api\/models\/nvidia\/ps3\/revision\/(main|v1|refs\/pr\/2)$/.test(path)) {
    const siblings = Object.keys(repository).map((rfilename) => ({ rfilename }))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ _id: '1', id: 'nvidia/ps3', sha: commit, siblings }))
    return
  }
  if (path.startsWith('/cdn/')) return serveBytes(request, response, repository[path.slice(5)]!)
  const name = new RegExp(`^/nvidia/ps3/resolve/${commit}/(.+)$`).exec(path)?.[1]
  const bytes = name === undefined ? undefined : repository[name]
  if (!bytes) {
    const code = name === undefined ? 'RepoNotFound' : 'EntryNotFound'
    response.writeHead(404, { 'x-error-code': code }).end('not found')
    return
  }
  const headers = { 'x-repo-commit': commit, 'x-linked-etag': `"${sha256(bytes)}"` }
  if (name === 'model.safetensors' && !request.headers.range) {
    response.writeHead(302, { location: `/cdn/${name}`, ...headers }).end()
  } else serveBytes(request, response, bytes, { headers, etag: `"${sha256(bytes)}"` })
}

let server: TestServer
let cache: string
beforeAll(async () => {
  server = await startServer(hub)
})
afterAll(() => server.close())
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'ps3-hub-'))
  server.log.length = 0
  server.answer = hub
  vi.stubEnv('HF_ENDPOINT', server.origin)
  vi.stubEnv('HF_HUB_CACHE', cache)
  vi.stubEnv('HF_HOME', cache)
  vi.stubEnv('HF_TOKEN', '')
  vi.stubEnv('HF_HUB_OFFLINE', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(cache, { recursive: true })
})

const quick = { retryDelayMs: 1 }

async function failure(run: Promise<unknown>): Promise<Error> {
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(ResourceError)
  return error as Error
}

/** Everything in the cache that could be taken for a downloaded file. */
async function cachedFiles(): Promise<string[]> {
  const names = await readdir(cache, { recursive: true })
  const kinds = await Promise.all(names.map(async (name) => (await lstat(join(cache, name))).isDirectory()))
  return names.filter((name, i) => !kinds[i] && /blobs|snapshots/.test(name))
}

describe('resolvePretrained with a hub name', () => {
  it('downloads into the layout that all hub tools share, and reports progress', async () => {
    const steps: TransferProgress[] = []
    const files = await resolvePretrained('nvidia/ps3', { ...quick, onProgress: (step) => steps.push(step) })
    expect(await files.readJson('config.json')).toEqual({ model_type: 'ps3' })
    expect(await files.has('model.safetensors')).toBe(true)
    expect(await files.has('pytorch_model.bin')).toBe(false)
    const checkpoint = await openCheckpoint(files)
    expect((await checkpoint.readFloat32('a')).every((value) => value === 0.5)).toBe(true)
    await checkpoint.close()
    expect(await files.subdirectory('tokenizer').readText('vocab.txt')).toBe('a\nb\n')
    expect(steps.at(-1)).toEqual({ file: 'tokenizer/vocab.txt', loaded: 4, total: 4 })
    expect(steps.filter((step) => step.file === 'model.safetensors').at(-1)).toMatchObject({
      loaded: weights.length,
      total: weights.length,
    })

    const folder = join(cache, 'models--nvidia--ps3')
    expect(await readFile(join(folder, 'refs', 'main'), 'utf8')).toBe(commit)
    const link = await readlink(join(folder, 'snapshots', commit, 'tokenizer', 'vocab.txt'))
    expect(link).toBe(join('..', '..', '..', 'blobs', sha256(repository['tokenizer/vocab.txt']!)))
    expect(await readFile(join(folder, 'snapshots', commit, 'model.safetensors'))).toEqual(
      Buffer.from(weights),
    )
    expect((await readdir(join(folder, '.no_exist', commit))).sort()).toEqual(['pytorch_model.bin'])
    expect((await cachedFiles()).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('takes what is there already, and loads a second time without a network', async () => {
    const load = async () => {
      const files = await resolvePretrained('nvidia/ps3@v1', quick)
      expect(await files.has('model.safetensors')).toBe(true)
      expect(await files.has('model.safetensors.index.json')).toBe(false)
      await files.open('model.safetensors')
      return files.readJson('config.json')
    }
    await load()
    server.log.length = 0
    await load()
    expect(server.log).toEqual(['GET /api/models/nvidia/ps3/revision/v1'])
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    server.log.length = 0
    await load()
    expect(server.log).toEqual([])
    vi.stubEnv('HF_HUB_OFFLINE', '')
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9')
    await load()
    const byCommit = await resolvePretrained(`nvidia/ps3@${commit}`, quick)
    expect(await byCommit.readJson('config.json')).toEqual({ model_type: 'ps3' })
  })

  it('reads what the Python library left in the cache', async () => {
    const folder = join(cache, 'models--a--b')
    await mkdir(join(folder, 'refs'), { recursive: true })
    await mkdir(join(folder, 'snapshots', commit), { recursive: true })
    await writeFile(join(folder, 'refs', 'main'), commit)
    await writeFile(join(folder, 'snapshots', commit, 'config.json'), '{}')
    vi.stubEnv('HF_HUB_OFFLINE', 'true')
    const files = await resolvePretrained('a/b')
    expect(await files.readJson('config.json')).toEqual({})
    expect(await files.has('model.safetensors')).toBe(false)
    expect((await failure(files.open('model.safetensors'))).message).toMatch(
      /Cannot get a\/b@main\/model.safetensors .* not in the cache .*models--a--b: HF_HUB_OFFLINE is set/,
    )
  })

  it('sends HF_TOKEN to the hub, and not to the host that it redirects to', async () => {
    const other = await startServer((request, response) => {
      expect(request.headers.authorization).toBeUndefined()
      serveBytes(request, response, weights)
    })
    try {
      server.answer = (request, response, count) => {
        expect(request.headers.authorization).toBe('Bearer my-token')
        if (request.url!.includes('/resolve/') && !request.headers.range) {
          response.writeHead(302, { location: `${other.origin}/x` }).end()
        } else hub(request, response, count)
      }
      vi.stubEnv('HF_TOKEN', 'my-token')
      const source = await (await resolvePretrained('nvidia/ps3', quick)).open('model.safetensors')
      expect(await source.size()).toBe(weights.length)
      expect(other.log).toHaveLength(1)
    } finally {
      await other.close()
    }
  })

  it.each([
    [
      401,
      /refuses nvidia\/ps3@main \(401\): .* does not exist or needs access. Check the spelling; set HF_TOKEN/,
    ],
    [403, /refuses nvidia\/ps3@main \(403\): accept the terms at .*\/nvidia\/ps3 if it is gated/],
    [404, /has no model repository nvidia\/ps3 with revision main \(404\)\. Check the spelling/],
  ])('explains status %d', async (status, message) => {
    server.answer = (_, response) => response.writeHead(status).end('no')
    const error = await failure(resolvePretrained('nvidia/ps3', quick))
    expect(error.message).toMatch(message)
    expect(error.message).toContain(server.origin)
  })

  it('says which file is missing and what there is', async () => {
    const files = await resolvePretrained('nvidia/ps3', quick)
    expect((await failure(files.open('weights.bin'))).message).toMatch(
      /nvidia\/ps3 has no file weights.bin at revision main \(404\)\. .*it holds config.json, model.safetensors, tokenizer\/vocab.txt/,
    )
  })

  it('explains a refusal of a single file', async () => {
    const files = await resolvePretrained('nvidia/ps3', quick)
    server.answer = (_, response) => response.writeHead(403).end()
    expect((await failure(files.open('model.safetensors'))).message).toMatch(
      /refuses nvidia\/ps3@main\/model.safetensors/,
    )
  })

  it('tries again after a failure of the server', async () => {
    server.answer = (request, response, count) => {
      if (count % 2 === 0) response.writeHead(500).end('oops')
      else hub(request, response, count)
    }
    const path = join(cache, 'models--nvidia--ps3', 'snapshots', commit, 'config.json')
    const files = await resolvePretrained('nvidia/ps3@refs/pr/2', quick)
    expect(await files.readJson('config.json')).toEqual({ model_type: 'ps3' })
    expect(await readFile(path, 'utf8')).toBe('{"model_type":"ps3"}')
  })

  it('says what to check when nobody answers', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9')
    expect((await failure(resolvePretrained('nvidia/ps3', { ...quick, retries: 1 }))).message).toMatch(
      /Cannot get nvidia\/ps3@main from http:\/\/127\.0\.0\.1:9 and it is not in the cache .*: .*Check the network and HF_ENDPOINT, or pass a local directory/,
    )
  })

  it('says so when something else answers', async () => {
    server.answer = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to our Wi-Fi')
    expect((await failure(resolvePretrained('nvidia/ps3', quick))).message).toMatch(
      /does not answer like a hub .*Check HF_ENDPOINT/,
    )
  })

  it('goes on where a download broke', async () => {
    const starts: string[] = []
    server.answer = (request, response, count) => {
      if (!request.url!.startsWith('/cdn/') && !/bytes=[1-9]/.test(request.headers.range ?? '')) {
        return hub(request, response, count)
      }
      starts.push(request.headers.range ?? 'whole')
      serveBytes(request, response, weights, { breakAfter: 90_000 })
    }
    const source = await (await resolvePretrained('nvidia/ps3', quick)).open('model.safetensors')
    expect(Buffer.from(weights).equals(await source.read(0, weights.length))).toBe(true)
    expect(starts[0]).toBe('whole')
    expect(starts.length).toBeGreaterThan(1)
  })

  it('keeps nothing of a body that stays short', async () => {
    server.answer = (request, response, count) => {
      if (request.url!.startsWith('/cdn/')) serveBytes(request, response, weights, { breakAfter: 1000 })
      else if (/bytes=[1-9]/.test(request.headers.range ?? '')) response.destroy()
      else hub(request, response, count)
    }
    const files = await resolvePretrained('nvidia/ps3', { ...quick, retries: 1 })
    await failure(files.open('model.safetensors'))
    expect(await cachedFiles()).toEqual([])
  })

  it('keeps nothing of a body whose checksum is wrong', async () => {
    const damaged = weights.slice()
    damaged[damaged.length - 1]! ^= 1
    server.answer = (request, response, count) => {
      if (request.url!.startsWith('/cdn/')) serveBytes(request, response, damaged)
      else hub(request, response, count)
    }
    const files = await resolvePretrained('nvidia/ps3', quick)
    expect((await failure(files.open('model.safetensors'))).message).toMatch(
      /SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}/,
    )
    expect(await cachedFiles()).toEqual([])
  })

  it('keeps nothing when cancelled in the middle, and downloads whole the next time', async () => {
    const controller = new AbortController()
    server.answer = (request, response, count) => {
      if (!request.url!.startsWith('/cdn/')) return hub(request, response, count)
      response.writeHead(200, { 'content-length': weights.length })
      response.write(weights.subarray(0, 10_000))
    }
    const files = await resolvePretrained('nvidia/ps3', {
      ...quick,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('stop')),
    })
    await expect(files.open('model.safetensors')).rejects.toThrow('stop')
    expect(await cachedFiles()).toEqual([])
    server.answer = hub
    const source = await (await resolvePretrained('nvidia/ps3', quick)).open('model.safetensors')
    expect(await source.size()).toBe(weights.length)
  })

  it('reads by range and keeps nothing with cacheDir: false', async () => {
    const checkpoint = await openCheckpoint('nvidia/ps3', { ...quick, cacheDir: false })
    expect((await checkpoint.readFloat32('a'))[7]).toBe(0.5)
    expect(await readdir(cache)).toEqual([])
  })

  it('downloads a file once when it is asked for twice at the same time', async () => {
    const files = await resolvePretrained('nvidia/ps3', quick)
    await Promise.all([files.open('config.json'), files.open('config.json')])
    expect(
      server.log.filter((line) => line.includes('config.json') && !line.includes('bytes=0-0')),
    ).toHaveLength(1)
  })

  it('lets files refer to folders of their repository and to other repositories, not to the local disk', async () => {
    const files = (await resolvePretrained('nvidia/ps3', quick)).subdirectory('tokenizer')
    expect(await (await resolveRelative(files, '../tokenizer')).has('vocab.txt')).toBe(true)
    expect(await (await resolveRelative(files, '..')).has('config.json')).toBe(true)
    expect((await resolveRelative(files, 'nvidia/ps3')).location).toBe('nvidia/ps3@main')
    await expect(resolveRelative(files, '/etc')).rejects.toThrow(/may only name their own folders/)
    await expect(resolveRelative(files, '../../other')).rejects.toBeInstanceOf(InvalidArgumentError)
    expect(() => files.subdirectory('..')).toThrow(InvalidArgumentError)
    await expect(async () => files.open('../config.json')).rejects.toBeInstanceOf(InvalidArgumentError)
  })
})
