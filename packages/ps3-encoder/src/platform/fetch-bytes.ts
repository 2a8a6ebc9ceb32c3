// A picture from an address, on both platforms.
import { ResourceError } from '@ps3js/tensor'

/** Fetches an http(s), data or blob URL; the name leaves out what may be long or secret. */
export async function fetchBytes(
  address: string,
  signal?: AbortSignal,
): Promise<{ bytes: Blob; name: string }> {
  const name = /^data:/i.test(address) ? 'the data URL' : address.replace(/[?#].*$/s, '')
  let response: Response
  try {
    response = await fetch(address, { signal: signal ?? null })
    if (response.ok) return { bytes: await response.blob(), name }
  } catch (cause) {
    signal?.throwIfAborted()
    throw new ResourceError(`cannot fetch ${name}: ${(cause as Error).message}; check the address`, { cause })
  }
  throw new ResourceError(
    `cannot fetch ${name}: the server answered ${response.status} ${response.statusText}`,
  )
}
