// Lines of a text file with their places, in constant memory.

import { createReadStream } from 'node:fs'
import { ResourceError } from '@ps3js/tensor'
import { onDisk } from './disk.ts'

/** Longest line in bytes: a record with thousands of boxes is far below, a file that is no text far above. */
const MAX_LINE = 2 ** 26

export interface Line {
  text: string
  /** 1 for the first. */
  number: number
  /** Offset of the byte after the line, its line feed included. */
  end: number
  /** False when the file ends without a line feed: the last line may be half-written. */
  isWhole: boolean
}

/**
 * The lines of a UTF-8 file in order. Empty ones are counted but left out.
 *
 * @throws ResourceError when the file cannot be read or a line is longer than 64 MiB
 */
export async function* readLines(path: string, signal?: AbortSignal): AsyncGenerator<Line> {
  const stream = createReadStream(path, { signal })
  let pending: Buffer[] = []
  let held = 0
  let end = 0
  let number = 0
  try {
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    for (;;) {
      const next = await onDisk('read', path, () => chunks.next())
      if (next.done) break
      let from = 0
      for (let feed = next.value.indexOf(10); feed >= 0; feed = next.value.indexOf(10, from)) {
        const bytes = Buffer.concat([...pending, next.value.subarray(from, feed)])
        pending = []
        held = 0
        end += bytes.length + 1
        number++
        from = feed + 1
        if (bytes.length > 0) yield { text: bytes.toString('utf8'), number, end, isWhole: true }
      }
      const rest = next.value.subarray(from)
      held += rest.length
      if (held > MAX_LINE) {
        throw new ResourceError(
          `${path}, line ${number + 1}: more than ${MAX_LINE} bytes; is this a file of JSON lines?`,
        )
      }
      if (rest.length > 0) pending.push(rest)
    }
    if (held > 0) {
      const text = Buffer.concat(pending).toString('utf8')
      yield { text, number: number + 1, end: end + held, isWhole: false }
    }
  } finally {
    stream.destroy()
  }
}
