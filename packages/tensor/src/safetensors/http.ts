// HTTP with patience: retries with back-off, bodies that resume where they broke, and errors that say what to check.
// Ranges and validators as in RFC 9110 sections 13.1.5, 14 and 15.3.7.

import { PS3Error, ResourceError } from '../errors.ts'

export interface HttpOptions {
  headers?: Readonly<Record<string, string>>
  /** Replaces the global fetch (a proxy, other credentials). */
  fetch?: typeof fetch
  signal?: AbortSignal
  /** Attempts after the first one, counted anew whenever bytes arrive. Default 4. */
  retries?: number
  /** First pause in milliseconds; doubles with every failure in a row. Default 300. */
  retryDelayMs?: number
}

const retryableStatus = new Set([408, 425, 429, 500, 502, 503, 504])
/** Nobody is there; asking again within seconds would only make the user wait. */
const unreachableCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
const longestPauseMs = 10_000

/** A URL fit for messages: without credentials, query and fragment, which may hold secrets. */
export function displayUrl(url: string | URL): string {
  try {
    const { origin, pathname } = new URL(url)
    return origin + pathname
  } catch {
    return String(url)
  }
}

/** The server could not be reached, or broke off, after all attempts. */
export class NetworkError extends ResourceError {}

/** The server answered, but not with what was asked for. */
export class HttpStatusError extends ResourceError {
  readonly status: number
  constructor(url: string | URL, status: number, options?: ErrorOptions) {
    super(`${displayUrl(url)} answered ${status}: ${statusAdvice(status)}`, options)
    this.status = status
  }
}

function statusAdvice(status: number): string {
  if (status === 401) return 'it wants credentials; pass a token or headers'
  if (status === 403) return 'access is denied; check the token and that you may read this'
  if (status === 404 || status === 410) return 'nothing is there; check the address and the file name'
  if (status === 416) return 'the requested range lies outside the file; did it change?'
  if (status === 429) return 'too many requests; wait and try again'
  if (status >= 500) return 'the server failed; try again later'
  return 'that is not an answer with a file'
}

/** One signal out of those given. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length <= 1 ? given[0] : AbortSignal.any(given)
}

/** Waits, or throws the signal's reason. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** How long to wait before attempt `failures + 1`. */
export function backOff(failures: number, { retryDelayMs = 300 }: HttpOptions): number {
  return Math.min(retryDelayMs * 2 ** (failures - 1), longestPauseMs)
}

/** A failed fetch or a broken body as a `NetworkError`; a cancelled signal throws its reason. */
export function networkError(url: string | URL, cause: unknown, signal?: AbortSignal): Error {
  signal?.throwIfAborted()
  if (cause instanceof PS3Error) return cause
  const code = systemCode(cause)
  const detail = code ?? (cause instanceof Error ? cause.message : String(cause))
  const problem = code && unreachableCodes.has(code) ? 'cannot be reached' : 'broke off'
  return new NetworkError(`${displayUrl(url)} ${problem} (${detail}): check the address and the network`, {
    cause,
  })
}

function systemCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code =
      (at as { code?: unknown }).code ?? (at as { errors?: { code?: unknown }[] }).errors?.[0]?.code
    if (typeof code === 'string') return code
  }
  return undefined
}

/**
 * Fetches until the server gives an answer that another attempt would not improve: any status but 408, 425, 429, 5xx.
 * After the last attempt the last answer is returned, and a `NetworkError` thrown when there was none.
 */
export async function request(url: string | URL, init: RequestInit, options: HttpOptions): Promise<Response> {
  const { fetch: fetcher = globalThis.fetch, retries = 4, headers } = options
  const signal = anySignal(options.signal, init.signal ?? undefined)
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted()
    let wait = backOff(failures, options)
    try {
      const response = await fetcher(url, { ...init, headers: { ...headers, ...headersOf(init) }, signal })
      if (!retryableStatus.has(response.status) || failures > retries) return response
      const asked = Number(response.headers.get('retry-after') ?? Number.NaN)
      if (Number.isFinite(asked)) wait = Math.min(Math.max(wait, asked * 1000), longestPauseMs)
      await response.body?.cancel().catch(() => {})
    } catch (error) {
      const problem = networkError(url, error, signal)
      if (failures > retries || unreachableCodes.has(systemCode(error) ?? '')) throw problem
    }
    await pause(wait, signal)
  }
}

function headersOf(init: RequestInit): Record<string, string> {
  return Object.fromEntries(new Headers(init.headers).entries())
}

/** The `Content-Range` of a 206 answer, checked against what was asked for; throws `ResourceError` when it lies. */
export function contentRange(response: Response, url: string | URL, start: number, end: number) {
  const header = response.headers.get('content-range') ?? ''
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(header.trim())
  const [first, last, total] = (match ?? []).slice(1).map(Number)
  const isGood =
    first === start &&
    last !== undefined &&
    total !== undefined &&
    Number.isSafeInteger(total) &&
    last < total &&
    last === Math.min(end, total) - 1
  if (!isGood) {
    response.body?.cancel().catch(() => {})
    throw new ResourceError(
      `${displayUrl(url)}: asked for bytes ${start}-${end - 1}, but the server's Content-Range is "${header}"; it can't serve ranges properly`,
    )
  }
  return { total }
}

/** What tells one version of a resource from another: a strong ETag, else the date of change. */
export function validatorOf(response: Response): string | undefined {
  const etag = response.headers.get('etag')
  if (etag && !etag.startsWith('W/')) return etag
  return response.headers.get('last-modified') ?? undefined
}

/** `Content-Length`, unless the body was compressed on the way and the number means something else. */
export function contentLength(response: Response): number | undefined {
  if (response.headers.get('content-encoding')) return undefined
  const header = response.headers.get('content-length')
  const length = header === null ? Number.NaN : Number(header)
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined
}

export interface ResumeOptions extends HttpOptions {
  /** For messages. */
  name: string
  /** Bytes expected; without it the end of a body is believed. */
  size?: number
  onBytes?: (loaded: number) => void
}

/**
 * The pieces of a body that is opened again where it broke. `open(offset)` gives the bytes from `offset` on (and does
 * its own retrying: what it throws is final).
 * Never more than `size` bytes, never fewer: anything else is a `ResourceError`.
 */
export async function* resumable(
  open: (offset: number) => Promise<ReadableStream<Uint8Array>>,
  options: ResumeOptions,
): AsyncGenerator<Uint8Array> {
  const { name, size, signal, retries = 4, onBytes } = options
  let loaded = 0
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted()
    let problem: unknown
    const reader = (await open(loaded)).getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        signal?.throwIfAborted()
        if (done) break
        loaded += value.length
        if (size !== undefined && loaded > size) {
          throw new ResourceError(`${name}: the server sent more than the ${size} bytes it announced`)
        }
        if (value.length > 0) failures = 1
        onBytes?.(loaded)
        yield value
      }
      if (size === undefined || loaded === size) return
      problem = new NetworkError(`${name}: the connection ended after ${loaded} of ${size} bytes; try again`)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof PS3Error && !(error instanceof NetworkError)) throw error
      problem =
        error instanceof NetworkError
          ? error
          : new NetworkError(
              `${name}: the connection broke after ${loaded}${size === undefined ? '' : ` of ${size}`} bytes; try again`,
              { cause: error },
            )
    } finally {
      await reader.cancel().catch(() => {})
    }
    if (failures > retries) throw problem
    await pause(backOff(failures, options), signal)
  }
}
