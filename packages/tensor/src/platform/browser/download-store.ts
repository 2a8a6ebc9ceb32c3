// Downloads kept in the browser's Cache API, where there is one (secure contexts). A response is stored whole or not at all.
// https://w3c.github.io/ServiceWorker/#cache-interface

import { ResourceError } from '../../errors.ts'
import type { FilePlace } from '../../pretrained/files.ts'
import type { HttpStore, HubEnvironment, HubStore, IncomingFile } from '../../pretrained/store.ts'
import { type ByteSource, blobSource } from '../../safetensors/byte-source.ts'

const cacheName = 'ps3js'
/** Never fetched: the Cache API wants keys that look like addresses. */
const hubKeys = 'https://hub.ps3js.invalid'

export async function hubEnvironment(): Promise<HubEnvironment> {
  return {}
}

export async function pathKind(_path: string): Promise<'file' | 'directory' | undefined> {
  return undefined
}

export function directoryPlace(path: string): FilePlace {
  throw new ResourceError(
    `The directory ${path} can't be read in a browser; pass a URL or owner/name of the hub`,
  )
}

async function openCache(): Promise<Cache | undefined> {
  if (typeof caches === 'undefined') return undefined
  // Private windows and some policies refuse storage; then files are read by range without it.
  return caches.open(cacheName).catch(() => undefined)
}

export async function hubStore(repository: string, _cacheDir?: string): Promise<HubStore | undefined> {
  const cache = await openCache()
  if (!cache) return undefined
  const key = (kind: string, ...parts: string[]) =>
    [hubKeys, kind, ...repository.split('/'), ...parts.flatMap((part) => part.split('/'))]
      .map((part, i) => (i === 0 ? part : encodeURIComponent(part)))
      .join('/')
  return {
    location: "of this browser's storage",
    commitOf: async (revision) => (await cache.match(key('refs', revision)))?.text(),
    rememberCommit: (revision, commit) => cache.put(key('refs', revision), new Response(commit)),
    find: async (commit, path) => (await found(cache, key('files', commit, path), path))?.source,
    isMissing: async (commit, path) => (await cache.match(key('missing', commit, path))) !== undefined,
    rememberMissing: (commit, path) => cache.put(key('missing', commit, path), new Response('')),
    save: (commit, path, file) => store(cache, key('files', commit, path), path, file),
  }
}

export async function httpStore(_cacheDir?: string): Promise<HttpStore | undefined> {
  const cache = await openCache()
  if (!cache) return undefined
  return {
    find: (url) => found(cache, url, url),
    save: (url, file) => store(cache, url, url, file),
  }
}

async function found(
  cache: Cache,
  key: string,
  name: string,
): Promise<{ etag: string; source: ByteSource } | undefined> {
  const response = await cache.match(key)
  if (!response) return undefined
  const blob = await response.blob()
  return { etag: response.headers.get('x-ps3js-etag') ?? '', source: blobSource(blob, name) }
}

async function store(cache: Cache, key: string, name: string, file: IncomingFile): Promise<ByteSource> {
  const pieces = file.chunks[Symbol.asyncIterator]()
  let size = 0
  let problem: unknown
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        file.signal?.throwIfAborted()
        const { done, value } = await pieces.next()
        if (!done) {
          size += value.length
          controller.enqueue(value.slice())
        } else if (file.size !== undefined && size !== file.size) {
          throw new ResourceError(
            `${name}: the download has ${size} bytes, ${file.size} were announced; try again`,
          )
        } else controller.close()
      } catch (error) {
        problem = error
        controller.error(error)
      }
    },
    cancel: async () => {
      await pieces.return?.()
    },
  })
  try {
    await cache.put(key, new Response(body, { headers: { 'x-ps3js-etag': file.etag } }))
  } catch (cause) {
    if (problem !== undefined) throw problem
    throw new ResourceError(
      `${name} does not fit into the browser's storage; free space, or pass cacheDir: false to read it by range`,
      { cause },
    )
  }
  const stored = await found(cache, key, name)
  if (!stored)
    throw new ResourceError(`The browser dropped ${name} right after storing it; pass cacheDir: false`)
  return stored.source
}
