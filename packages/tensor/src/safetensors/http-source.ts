// A file on a web server as a ByteSource: Range requests where the server knows them, one whole download where not.

import { ResourceError } from '../errors.ts'
import { allocateBytes, type ByteSource, checkRange, type TransferProgress } from './byte-source.ts'
import {
  anySignal,
  contentLength,
  contentRange,
  displayUrl,
  type HttpOptions,
  HttpStatusError,
  request,
  resumable,
  validatorOf,
} from './http.ts'

export interface HttpSourceOptions extends HttpOptions {
  /** Called as bytes arrive; `loaded` counts all bytes fetched from this source so far. */
  onProgress?: (progress: TransferProgress) => void
}

/** Fetched together with the size, so that a small header costs no second request. */
const headBytes = 64 * 2 ** 10

interface Probe {
  size: number
  validator: string | undefined
  /** The first bytes, or all of them when the server serves no ranges. */
  head: Uint8Array<ArrayBuffer>
}

/**
 * A file behind an http or https URL. Nothing is fetched before it is needed. Redirects are followed, failures retried with
 * back-off, broken bodies resumed; a server that ignores Range is asked once for the whole file, which is then kept in memory.
 * Throws `ResourceError` (naming the URL without its query) for refusals, lying ranges, and files that change midway.
 */
export function httpSource(url: string | URL, options: HttpSourceOptions = {}): ByteSource {
  const name = displayUrl(url)
  let probed: Promise<Probe> | undefined
  let fetched = 0

  function report(total: number | undefined) {
    let last = 0
    return (loaded: number) => {
      fetched += loaded - last
      last = loaded
      options.onProgress?.({ file: name, loaded: fetched, total })
    }
  }

  async function ask(start: number, end: number, signal?: AbortSignal): Promise<Response> {
    const response = await request(url, { headers: { Range: `bytes=${start}-${end - 1}` }, signal }, options)
    if (response.ok || response.status === 416) return response
    await response.body?.cancel().catch(() => {})
    throw new HttpStatusError(url, response.status)
  }

  async function probe(signal?: AbortSignal): Promise<Probe> {
    const response = await ask(0, headBytes, signal)
    if (response.status === 416) {
      await response.body?.cancel().catch(() => {})
      if (response.headers.get('content-range')?.trim() === 'bytes */0') {
        return { size: 0, validator: undefined, head: new Uint8Array(0) }
      }
      throw new HttpStatusError(url, 416)
    }
    const validator = validatorOf(response)
    const isPartial = response.status === 206
    const total = isPartial ? contentRange(response, url, 0, headBytes).total : undefined
    const size = total === undefined ? contentLength(response) : Math.min(headBytes, total)
    let first: Response | undefined = response
    const pieces: Uint8Array[] = []
    const body = resumable(
      async (offset) => {
        const current = first ?? (await reopen(offset, isPartial ? size! : undefined, validator, signal))
        first = undefined
        return current.body ?? new Blob([]).stream()
      },
      { ...options, name, size, signal, onBytes: report(total ?? size) },
    )
    for await (const piece of body) pieces.push(piece)
    const head = join(pieces, name)
    return { size: total ?? head.length, validator, head }
  }

  /** The rest of a body that broke at `offset`: by range, or by skipping when the server knows no ranges. */
  async function reopen(
    offset: number,
    end: number | undefined,
    validator: string | undefined,
    signal?: AbortSignal,
  ): Promise<Response> {
    if (end !== undefined) {
      const response = await ask(offset, end, signal)
      checkSame(response, validator)
      if (response.status !== 206) {
        await response.body?.cancel().catch(() => {})
        throw new ResourceError(
          `${name}: the server answered ${response.status} to a range after having served one`,
        )
      }
      contentRange(response, url, offset, end)
      return response
    }
    const response = await request(url, { signal }, options)
    if (!response.ok) throw new HttpStatusError(url, response.status)
    checkSame(response, validator)
    return new Response(skipBytes(response.body, offset))
  }

  function checkSame(response: Response, validator: string | undefined): void {
    const now = validatorOf(response)
    if (validator !== undefined && now !== undefined && now !== validator) {
      response.body?.cancel().catch(() => {})
      throw new ResourceError(
        `${name} changed while it was being read (${validator}, now ${now}); open it again`,
      )
    }
  }

  function ready(signal?: AbortSignal): Promise<Probe> {
    if (!probed) {
      const pending: Promise<Probe> = probe(signal).catch((error: unknown) => {
        if (probed === pending) probed = undefined
        throw error
      })
      probed = pending
    }
    return probed
  }

  async function readInto(target: Uint8Array, start: number, callSignal?: AbortSignal): Promise<void> {
    const signal = anySignal(options.signal, callSignal)
    signal?.throwIfAborted()
    const { size, validator, head } = await ready(signal)
    const end = start + target.length
    checkRange(name, start, end, size)
    if (end <= head.length) {
      target.set(head.subarray(start, end))
      return
    }
    let done = 0
    const body = resumable(
      async (offset) => {
        const response = await reopen(start + offset, end, validator, signal)
        return response.body ?? new Blob([]).stream()
      },
      { ...options, name, size: target.length, signal, onBytes: report(size) },
    )
    for await (const piece of body) {
      target.set(piece, done)
      done += piece.length
    }
  }

  return {
    name,
    async size(signal) {
      return (await ready(anySignal(options.signal, signal))).size
    },
    async read(start, end, signal) {
      const { size } = await ready(anySignal(options.signal, signal))
      checkRange(name, start, end, size)
      const bytes = allocateBytes(end - start, name)
      await readInto(bytes, start, signal)
      return bytes
    },
    readInto,
  }
}

/** A body without its first `count` bytes. */
export function skipBytes(
  body: ReadableStream<Uint8Array> | null,
  count: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = count
  const skipping = new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      const skipped = Math.min(left, piece.length)
      left -= skipped
      if (skipped < piece.length) controller.enqueue(piece.slice(skipped))
    },
  })
  return (body ?? new Blob([]).stream()).pipeThrough(skipping)
}

function join(pieces: readonly Uint8Array[], name: string): Uint8Array<ArrayBuffer> {
  const whole = allocateBytes(
    pieces.reduce((sum, piece) => sum + piece.length, 0),
    name,
  )
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
