// One tar file that appears under its name only when it is whole. Same entries, same bytes: no times, no owners.
// Format: ustar by tar-stream.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { type Pack, pack } from 'tar-stream'
import { onDisk } from './disk.ts'

/** Ending of a file that is being written. */
const UNFINISHED = '.tmp'

const BLOCK = 512
/** Two empty blocks end a tar. */
export const TAR_END = 2 * BLOCK

/** Bytes that an entry of `size` bytes takes, its header included (names of at most 100 bytes). */
export const tarEntryBytes = (size: number): number => BLOCK + Math.ceil(size / BLOCK) * BLOCK

export class TarFile {
  readonly path: string
  readonly #file: FileHandle
  readonly #pack: Pack = pack()
  readonly #hash = createHash('sha256')
  /** What the packer gave and is not written yet: never more than one entry. */
  #pending: Buffer[] = []
  #bytes = 0

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
    this.#pack.on('data', (chunk: unknown) => this.#pending.push(chunk as Buffer))
  }

  /** @throws ResourceError when the file cannot be made */
  static async create(path: string): Promise<TarFile> {
    return new TarFile(path, await onDisk('write', path, () => open(path + UNFINISHED, 'w')))
  }

  /** @throws ResourceError when the disk is full or gone */
  async add(name: string, data: Uint8Array): Promise<void> {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const header = { name, mtime: new Date(0), mode: 0o644, uid: 0, gid: 0 }
    await new Promise<void>((resolve, reject) => {
      this.#pack.entry(header, bytes, (error) => (error ? reject(error) : resolve()))
    })
    await this.#flush()
  }

  /** Ends the file and flushes it to the disk, still under its temporary name. */
  async close(): Promise<{ bytes: number; sha256: string }> {
    const ended = once(this.#pack, 'end')
    this.#pack.finalize()
    await ended
    await this.#flush()
    await onDisk('write', this.path, async () => {
      await this.#file.sync()
      await this.#file.close()
    })
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  /** Gives the closed file its name. */
  async commit(): Promise<void> {
    await onDisk('write', this.path, () => rename(this.path + UNFINISHED, this.path))
  }

  /** Removes what was written and not committed. */
  async discard(): Promise<void> {
    this.#pack.destroy()
    await this.#file.close().catch(() => {})
    await rm(this.path + UNFINISHED, { force: true }).catch(() => {})
  }

  async #flush(): Promise<void> {
    for (const chunk of this.#pending.splice(0)) {
      this.#hash.update(chunk)
      await onDisk('write', this.path, async () => {
        for (let done = 0; done < chunk.length; ) {
          done += (await this.#file.write(chunk, done, chunk.length - done)).bytesWritten
        }
      })
      this.#bytes += chunk.length
    }
  }
}
