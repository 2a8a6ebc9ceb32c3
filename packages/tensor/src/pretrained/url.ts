// Pretrained files below a web address, with a local cache that asks the server whether it is still right.
// Conditional requests: RFC 9110 section 13.

import { httpStore } from '#platform'
import { ResourceError } from '../errors.ts'
import type { ByteSource } from '../safetensors/byte-source.ts'
import {
  contentLength,
  contentRange,
  displayUrl,
  type HttpOptions,
  HttpStatusError,
  NetworkError,
  request,
  resumable,
  validatorOf,
} from '../safetensors/http.ts'
import { httpSource, skipBytes } from '../safetensors/http-source.ts'
import type { FilePlace, PretrainedOptions } from './files.ts'

export async function urlPlace(base: string, options: PretrainedOptions): Promise<FilePlace> {
  const root = new URL(base)
  if (!root.pathname.endsWith('/')) root.pathname += '/'
  const store = options.cacheDir === false ? undefined : await httpStore(options.cacheDir)
  const opened = new Map<string, Promise<ByteSource>>()
  let hasSucceeded = false

  function address(path: string): URL {
    const url = new URL(path.split('/').map(encodeURIComponent).join('/'), root)
    url.search = root.search
    return url
  }

  async function open(path: string): Promise<ByteSource> {
    const url = address(path)
    if (!store) return httpSource(url, options)
    const key = url.origin + url.pathname
    const cached = await store.find(key)
    const init = { headers: cached?.etag ? conditional(cached.etag) : {} }
    let response: Response
    try {
      response = await request(url, init, options)
    } catch (error) {
      if (cached && error instanceof NetworkError) return cached.source
      throw error
    }
    if (response.status === 304 && cached) return cached.source
    if (!response.ok) {
      await response.body?.cancel().catch(() => {})
      throw new HttpStatusError(url, response.status)
    }
    hasSucceeded = true
    const size = contentLength(response)
    const etag = validatorOf(response) ?? ''
    const chunks = download(url, response, { ...options, size, etag, file: path })
    return store.save(key, { etag, size, chunks, signal: options.signal })
  }

  async function has(path: string): Promise<boolean> {
    const url = address(path)
    let response: Response
    try {
      response = await request(url, { method: 'HEAD' }, options)
      if (response.status === 405 || response.status === 501) {
        response = await request(url, { headers: { Range: 'bytes=0-0' } }, options)
      }
    } catch (error) {
      if (error instanceof NetworkError && store && (await store.find(url.origin + url.pathname))) return true
      throw error
    }
    await response.body?.cancel().catch(() => {})
    if (response.ok || response.status === 416) {
      hasSucceeded = true
      return true
    }
    if (response.status === 404 || response.status === 410) return false
    // Object stores answer 403 for what is not there; but if nothing at all may be read, say so.
    if (response.status === 403 && hasSucceeded) return false
    throw new HttpStatusError(url, response.status)
  }

  return {
    kind: 'url',
    describe: (path) => displayUrl(address(path)),
    has,
    open(path) {
      let source = opened.get(path)
      if (!source) {
        source = open(path).catch((error: unknown) => {
          opened.delete(path)
          throw error
        })
        opened.set(path, source)
      }
      return source
    },
    hasDirectory: async () => false,
  }
}

function conditional(validator: string): Record<string, string> {
  return validator.startsWith('"') ? { 'If-None-Match': validator } : { 'If-Modified-Since': validator }
}

interface Download extends HttpOptions {
  size: number | undefined
  etag: string
  file: string
  onProgress?: PretrainedOptions['onProgress']
}

/** The body of `first`, taken up again where it breaks. */
function download(url: URL, first: Response, options: Download): AsyncGenerator<Uint8Array> {
  const { size, etag, file, onProgress } = options
  const name = displayUrl(url)
  let current: Response | undefined = first
  return resumable(
    async (offset) => {
      const response = current ?? (await resume(offset))
      current = undefined
      return response.body ?? new Blob([]).stream()
    },
    { ...options, name, onBytes: (loaded) => onProgress?.({ file, loaded, total: size }) },
  )

  async function resume(offset: number): Promise<Response> {
    const isRanged = etag !== '' && size !== undefined && offset > 0
    const headers: Record<string, string> = isRanged
      ? { Range: `bytes=${offset}-${size - 1}`, 'If-Range': etag }
      : {}
    const response = await request(url, { headers }, options)
    if (response.status === 206) {
      contentRange(response, url, offset, size!)
      return response
    }
    if (response.status === 200 && (validatorOf(response) ?? '') === etag) {
      return new Response(skipBytes(response.body, offset))
    }
    await response.body?.cancel().catch(() => {})
    if (response.status !== 200) throw new HttpStatusError(url, response.status)
    throw new ResourceError(`${name} changed while it was being downloaded; try again`)
  }
}
