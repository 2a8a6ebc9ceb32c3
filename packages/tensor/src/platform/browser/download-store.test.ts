import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ResourceError } from '../../errors.ts'
import type { IncomingFile } from '../../pretrained/store.ts'
import { httpStore, hubStore } from './download-store.ts'
import { fileSource, writeFileAtomic } from './files.ts'

/** As the Cache API stores: a response whole, or nothing when its body fails. */
class MemoryCache {
  readonly entries = new Map<string, { body: Blob; headers: Headers }>()
  async match(key: string) {
    const entry = this.entries.get(key)
    return entry && new Response(entry.body, { headers: entry.headers })
  }
  async put(key: string, response: Response) {
    this.entries.set(key, { body: await response.blob(), headers: response.headers })
  }
}

let cache: MemoryCache
beforeEach(() => {
  cache = new MemoryCache()
  vi.stubGlobal('caches', { open: async () => cache })
})
afterEach(() => vi.unstubAllGlobals())

const commit = 'c'.repeat(40)

function incoming(pieces: number[][], size: number | undefined, failure?: Error): IncomingFile {
  async function* chunks() {
    for (const piece of pieces) yield Uint8Array.from(piece)
    if (failure) throw failure
  }
  return { etag: '"v1"', size, chunks: chunks() }
}

describe('the stores in a browser', () => {
  it('keep hub files by commit and path', async () => {
    const store = (await hubStore('a/b'))!
    expect(await store.find(commit, 'x/y.bin')).toBeUndefined()
    const saved = await store.save(commit, 'x/y.bin', incoming([[1, 2], [3]], 3))
    expect(await saved.read(1, 3)).toEqual(Uint8Array.of(2, 3))
    expect(await (await store.find(commit, 'x/y.bin'))!.size()).toBe(3)
    expect(await (await hubStore('a/c'))!.find(commit, 'x/y.bin')).toBeUndefined()
    await store.rememberCommit('main', commit)
    expect(await store.commitOf('main')).toBe(commit)
    expect(await store.isMissing(commit, 'z')).toBe(false)
    await store.rememberMissing(commit, 'z')
    expect(await store.isMissing(commit, 'z')).toBe(true)
  })

  it('keep web files by URL and version', async () => {
    const store = (await httpStore())!
    await store.save('https://x.test/y', incoming([[7]], undefined))
    const found = await store.find('https://x.test/y')
    expect(found!.etag).toBe('"v1"')
    expect(await found!.source.read(0, 1)).toEqual(Uint8Array.of(7))
  })

  it('keep nothing that is short, broken or cancelled', async () => {
    const store = (await hubStore('a/b'))!
    await expect(store.save(commit, 'x', incoming([[1]], 2))).rejects.toThrow(/has 1 bytes, 2 were announced/)
    await expect(store.save(commit, 'x', incoming([[1]], 2, new Error('broken')))).rejects.toThrow('broken')
    const signal = AbortSignal.abort(new Error('stop'))
    await expect(store.save(commit, 'x', { ...incoming([[1]], 1), signal })).rejects.toThrow('stop')
    expect(cache.entries.size).toBe(0)
  })

  it('say what to do when the storage is full', async () => {
    vi.spyOn(cache, 'put').mockRejectedValue(new DOMException('full', 'QuotaExceededError'))
    const store = (await httpStore())!
    await expect(store.save('https://x.test/y', incoming([[7]], 1))).rejects.toThrow(
      /does not fit into the browser's storage.*cacheDir: false/,
    )
  })

  it('do without a Cache API', async () => {
    vi.stubGlobal('caches', undefined)
    expect(await httpStore()).toBeUndefined()
    expect(await hubStore('a/b')).toBeUndefined()
  })
})

describe('files in a browser', () => {
  it('are refused with the way round', async () => {
    expect(() => fileSource('/x')).toThrow(/needs Node; in a browser use blobSource/)
    await expect(writeFileAtomic('/x', '')).rejects.toBeInstanceOf(ResourceError)
  })
})
