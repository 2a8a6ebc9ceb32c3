// Neighbouring files of one key, as one: WebDataset's rule that a key is the name up to its first dot.

import { setTimeout as delay } from 'node:timers/promises'
import { displayName } from './locations.ts'
import { InterruptedError, openBytes } from './open-bytes.ts'
import { type TarEntry, tarEntries } from './tar-entries.ts'

/** What one key brought. Files other than a picture and a record are passed over. */
export interface Group {
  key: string
  picture?: Uint8Array
  json?: Uint8Array
  problem?: string
}

const PICTURES = new Set(['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif', 'heif', 'jp2', 'jxl'])

/** Waits between tries in milliseconds. */
export const RETRY_DELAYS: readonly number[] = [500, 1000, 2000, 4000, 8000]

export interface ReadOptions {
  signal?: AbortSignal
  /** Waits before further tries after network failures, in milliseconds; their number is the number of tries. */
  retryDelays?: readonly number[]
}

/**
 * The groups of one shard, in order. After a network failure the shard is read anew and what was given already is
 * passed over.
 */
export async function* readGroups(location: string, options: ReadOptions = {}): AsyncGenerator<Group> {
  const { signal, retryDelays = RETRY_DELAYS } = options
  let given = 0
  for (let failures = 0; ; failures++) {
    const closing = new AbortController()
    const either = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal
    try {
      let index = 0
      const entries = tarEntries(
        openBytes(location, either),
        displayName(location),
        (name) => partOf(name) !== null,
      )
      for await (const group of grouped(entries)) {
        if (index++ < given) continue
        given++
        failures = 0
        yield group
      }
      return
    } catch (error) {
      const wait = retryDelays[failures]
      if (!(error instanceof InterruptedError) || wait === undefined) throw error
      await delay(wait, undefined, { signal })
    } finally {
      closing.abort()
    }
  }
}

async function* grouped(entries: AsyncIterable<TarEntry>): AsyncGenerator<Group> {
  let group: Group | null = null
  for await (const { name, data, problem } of entries) {
    const key = keyOf(name)
    if (key === null) continue
    if (group && group.key !== key) {
      yield group
      group = null
    }
    group ??= { key }
    const part = partOf(name)
    if (problem) group.problem ??= `${name}: ${problem}`
    else if (part && group[part]) group.problem ??= `two files that can be its ${part}, the second is ${name}`
    else if (part && data) group[part] = data
  }
  if (group) yield group
}

/** The name up to the first dot of its last part; null for what belongs to no sample. */
function keyOf(name: string): string | null {
  const start = name.lastIndexOf('/') + 1
  const dot = name.indexOf('.', start)
  return dot > start ? name.slice(0, dot) : null
}

function partOf(name: string): 'picture' | 'json' | null {
  const extension = name.slice((keyOf(name) ?? name).length + 1).toLowerCase()
  if (extension === 'json') return 'json'
  return PICTURES.has(extension) ? 'picture' : null
}
