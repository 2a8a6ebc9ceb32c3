// A file's bytes as a stream, from a path, a `file:` address or over HTTP. Signed addresses are used as they are.

import { createReadStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fileError, ResourceError } from '@ps3js/tensor'
import { displayName, isWebAddress } from './locations.ts'

/** Reading failed in a way that may pass: worth another try. */
export class InterruptedError extends ResourceError {}

const CHUNK = 1 << 20

/**
 * @throws ResourceError when there is nothing to read or no permission; InterruptedError for network failures, 408,
 *   429 and 5xx; the signal's reason when aborted. The file or connection is closed when the iteration ends; where that
 *   may happen while a read hangs, abort the signal as well.
 */
export async function* openBytes(location: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted()
  if (isWebAddress(location)) yield* fetchBytes(location, signal)
  else yield* readFileBytes(/^file:/i.test(location) ? fileURLToPath(location) : location, signal)
}

async function* readFileBytes(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    // The iterator destroys the stream, and so closes the file, also when the loop is left early.
    yield* createReadStream(path, { highWaterMark: CHUNK, signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw fileError(error, 'read', path)
  }
}

async function* fetchBytes(address: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const name = displayName(address)
  try {
    const response = await fetch(address, { ...(signal && { signal }) })
    const { status } = response
    if (!response.ok || !response.body) {
      if (status === 408 || status === 429 || status >= 500) {
        throw new InterruptedError(`${name}: the server answers ${status}`)
      }
      const hint = status === 401 || status === 403 ? ' (has its signature run out?)' : '; check the address'
      throw new ResourceError(`cannot read ${name}: the server answers ${status}${hint}`)
    }
    // fetch undoes Content-Encoding, so a length counts only without one.
    const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length')
    let read = 0
    for await (const chunk of response.body) {
      read += chunk.length
      yield chunk
    }
    if (length !== null && read < Number(length)) {
      throw new InterruptedError(`${name}: the connection ended after ${read} of ${length} bytes`)
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof ResourceError) throw error
    const { message, cause } = error as Error
    const reason = (cause as Error | undefined)?.message || message
    throw new InterruptedError(`${name}: the connection failed (${reason})`, { cause: error })
  }
}
