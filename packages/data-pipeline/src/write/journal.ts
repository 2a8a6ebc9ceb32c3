// An append-only file of JSON lines that a kill at any moment leaves readable: what was appended is on the disk, and a
// half-written last line is dropped.

import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ResourceError } from '@ps3js/tensor'
import { onDisk, syncDirectory } from './disk.ts'
import { readLines } from './lines.ts'

interface Waiting {
  text: string
  resolve: () => void
  reject: (error: unknown) => void
}

/** One writer at a time. */
export class Journal {
  readonly path: string
  readonly #file: FileHandle
  #length: number
  #waiting: Waiting[] = []
  #writing: Promise<void> | null = null
  #failure: unknown

  private constructor(path: string, file: FileHandle, length: number) {
    this.path = path
    this.#file = file
    this.#length = length
  }

  /**
   * Opens or makes the file and hands every line that is in it to `onLine`, in order. A damaged or half-written last
   * line is cut off.
   *
   * @throws ResourceError when the file cannot be opened, or a line before the last is no JSON
   */
  static async open(path: string, onLine: (value: unknown, line: number) => void): Promise<Journal> {
    const file = await onDisk('open', path, () => open(path, 'a+'))
    try {
      let length = 0
      let damaged: number | undefined
      for await (const line of readLines(path)) {
        if (damaged !== undefined) {
          throw new ResourceError(
            `${path}, line ${damaged}: no JSON, and not the last line; mend or remove the line`,
          )
        }
        const value = line.isWhole ? parsed(line.text) : undefined
        if (value === undefined) {
          damaged = line.number
          continue
        }
        onLine(value, line.number)
        length = line.end
      }
      await onDisk('cut', path, () => file.truncate(length))
      await syncDirectory(dirname(path))
      return new Journal(path, file, length)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /**
   * Resolves when the line is on the disk. Lines appended meanwhile share one flush.
   *
   * @throws ResourceError when the disk is full or gone; the journal then takes nothing more
   */
  append(value: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text: `${JSON.stringify(value)}\n`, resolve, reject })
      this.#writing ??= this.#drain()
    })
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }

  async #drain(): Promise<void> {
    // A turn later, so that `#writing` is set before this can end.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      try {
        if (this.#failure) throw this.#failure
        await this.#write(Buffer.from(batch.map(({ text }) => text).join('')))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#failure = error
        for (const { reject } of batch) reject(error)
      }
    }
    this.#writing = null
  }

  async #write(bytes: Buffer): Promise<void> {
    try {
      await onDisk('write', this.path, async () => {
        for (let done = 0; done < bytes.length; ) {
          done += (await this.#file.write(bytes, done, bytes.length - done)).bytesWritten
        }
        await this.#file.datasync()
      })
      this.#length += bytes.length
    } catch (error) {
      // Without the half line, if the disk still lets us; the next start cuts it off otherwise.
      await this.#file.truncate(this.#length).catch(() => {})
      throw error
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
