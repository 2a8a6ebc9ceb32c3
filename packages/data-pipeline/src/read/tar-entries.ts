// The entries of one tar, one after the other, each in memory only while it is looked at. Parser: tar-stream.

import { Readable, type Writable } from 'node:stream'
import { ResourceError } from '@ps3js/tensor'
import { extract, type Header } from 'tar-stream'

/** Larger files in a shard are passed over unread: no picture of the largest size that is decoded comes near. */
export const MOST_ENTRY_BYTES = 512 * 2 ** 20

export interface TarEntry {
  /** Without a leading `./`. */
  name: string
  /** The content; null when the entry was not wanted or has a problem. */
  data: Uint8Array | null
  /** Why it cannot be used. */
  problem?: string
}

/**
 * Reads a tar. `wants` says by the name whose content is needed; everything else is passed over without being held.
 *
 * @throws ResourceError when the bytes are no tar, break off, or lack the two empty blocks that close one: a file that
 *   lost its end must not pass for a shorter one
 */
export async function* tarEntries(
  bytes: AsyncIterable<Uint8Array>,
  location: string,
  wants: (name: string) => boolean,
): AsyncGenerator<TarEntry> {
  const end = new EndOfTar()
  const source = Readable.from(end.watch(bytes), { objectMode: false })
  const tar = extract()
  let failure: unknown
  source.on('error', (error) => {
    failure = error
    tar.destroy(error)
  })
  source.pipe(tar as unknown as Writable)
  try {
    for await (const entry of tar) {
      const { name: written, size = 0 } = entry.header
      const name = written.replace(/^(\.\/)+/, '')
      const problem = problemOf(entry.header)
      if (problem || entry.header.type === 'directory' || !wants(name)) {
        entry.resume()
        if (entry.header.type !== 'directory') yield { name, data: null, ...(problem && { problem }) }
        continue
      }
      const data = Buffer.allocUnsafeSlow(size)
      let filled = 0
      for await (const chunk of entry) filled += (chunk as Buffer).copy(data, filled)
      yield { name, data }
    }
    if (!end.isClosed) throw new Error('the empty blocks that close a tar are missing')
  } catch (error) {
    const cause = failure ?? error
    if (cause instanceof ResourceError || (cause as Error).name === 'AbortError') throw cause
    throw new ResourceError(
      `${location} is damaged or cut off (${(cause as Error).message}); get or write it again, or leave it out`,
      { cause },
    )
  } finally {
    source.destroy()
    tar.destroy()
  }
}

function problemOf({ name, type, size = 0 }: Header): string | undefined {
  if (type === 'directory') return undefined
  if (name.startsWith('/') || /^[a-z]:[\\/]/i.test(name)) return 'its name is an absolute path'
  if (name.split(/[\\/]/).includes('..')) return 'its name leads out of the archive ("..")'
  if (type !== 'file' && type !== 'contiguous-file')
    return `it is no plain file but a ${type ?? 'thing of unknown type'}`
  if (!(size <= MOST_ENTRY_BYTES)) {
    return `it is ${(size / 2 ** 20).toFixed(0)} MiB large, more than ${MOST_ENTRY_BYTES / 2 ** 20} MiB`
  }
  return undefined
}

/** Watches bytes go by and knows in the end whether they were whole blocks and closed by two empty ones. */
class EndOfTar {
  #bytes = 0
  #zeros = 0

  get isClosed(): boolean {
    return this.#bytes % 512 === 0 && this.#zeros >= 1024
  }

  async *watch(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      let zeros = 0
      while (zeros < 1024 && zeros < chunk.length && chunk[chunk.length - 1 - zeros] === 0) zeros++
      this.#zeros = zeros === chunk.length ? this.#zeros + zeros : zeros
      this.#bytes += chunk.length
      yield chunk
    }
  }
}
