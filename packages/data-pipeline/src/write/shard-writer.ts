// Writes WebDataset shards so that a kill at any moment costs at most the shard that was open.
// A shard counts from the moment its line is in the journal; the index comes last and replaces the journal.

import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  InvalidArgumentError,
  lockOutput,
  type OutputLock,
  ResourceError,
  writeFileAtomic,
} from '@ps3js/tensor'
import type { RawSample } from '../types.ts'
import { onDisk, syncDirectory } from './disk.ts'
import { Journal } from './journal.ts'
import { checkKey, pictureExtension, recordBytes } from './sample-files.ts'
import {
  INDEX_FILE,
  readShardIndex,
  type ShardEntry,
  type ShardIndex,
  type ShardLayout,
  shardNames,
} from './shard-index.ts'
import { TAR_END, TarFile, tarEntryBytes } from './tar-file.ts'

const JOURNAL_FILE = 'index.journal'

export interface ShardWriterOptions {
  /** Default `paired`. */
  layout?: ShardLayout
  /** Most samples in a shard. Default 1000. */
  maxSamples?: number
  /** Most bytes of a shard's files together; a single larger sample gets a shard of its own. Default 1 GB. */
  maxBytes?: number
  /**
   * What the samples are made from (a seed, a hash of the settings): a directory begun with another origin is refused,
   * so that a restart never mixes two datasets.
   */
  origin?: string
  signal?: AbortSignal
  /** After each complete shard: samples and shards so far. */
  onProgress?: (progress: { samples: number; shards: number }) => void
}

type Settings = Required<Pick<ShardWriterOptions, 'layout' | 'maxSamples' | 'maxBytes' | 'origin'>>

interface OpenShard {
  tars: TarFile[]
  keys: string[]
  bytes: number
}

/**
 * Give it every sample in the same order on each start and leave out those it `has`: the files are then the same,
 * byte for byte, however often the work was interrupted. Keys are held in memory (about 100 MB a million).
 */
export class ShardWriter {
  readonly directory: string
  /** The index, once all is written (also when an earlier run had finished). */
  finished: ShardIndex | null = null
  readonly #options: ShardWriterOptions
  readonly #settings: Settings
  readonly #keys = new Set<string>()
  readonly #shards: ShardEntry[] = []
  #samples = 0
  #lock: OutputLock | null = null
  #journal: Journal | null = null
  #open: OpenShard | null = null
  #busy: Promise<unknown> | null = null
  #failure: unknown

  private constructor(directory: string, options: ShardWriterOptions, settings: Settings) {
    this.directory = directory
    this.#options = options
    this.#settings = settings
  }

  /**
   * Starts a dataset, or goes on behind the last complete shard of one that was interrupted.
   *
   * @throws InvalidArgumentError when the directory was begun with other settings
   * @throws ResourceError when it holds shards of another origin, another process writes it, or nobody can
   */
  static async open(directory: string, options: ShardWriterOptions = {}): Promise<ShardWriter> {
    const { layout = 'paired', maxSamples = 1000, maxBytes = 1e9, origin = '' } = options
    for (const [name, value] of Object.entries({ maxSamples, maxBytes })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new InvalidArgumentError(`${name} ${value}: give a whole number of at least 1`)
      }
    }
    const writer = new ShardWriter(directory, options, { layout, maxSamples, maxBytes, origin })
    options.signal?.throwIfAborted()
    await onDisk('make the directory', directory, () => mkdir(directory, { recursive: true }))
    writer.#lock = await lockOutput(directory)
    try {
      const index = await readShardIndex(directory)
      if (index) await writer.#acceptFinished(index)
      else await writer.#resume()
      return writer
    } catch (error) {
      await writer.#lock.release()
      throw error
    }
  }

  /** Samples in complete shards and in the open one. */
  get samples(): number {
    return this.finished?.samples ?? this.#samples
  }

  /** Whether a sample of this key is written already. True for every key once all is finished. */
  has(key: string): boolean {
    return this.finished !== null || this.#keys.has(key)
  }

  /**
   * Appends one sample; wait for it before the next.
   *
   * @throws InvalidArgumentError for a bad or repeated key or a record that misleads, ImageError for bytes that are no
   *   picture: nothing is written then, and the writer goes on
   * @throws ResourceError when the disk is full or gone: the open shard is removed, and the writer takes nothing more
   */
  async add(sample: RawSample): Promise<void> {
    this.#options.signal?.throwIfAborted()
    if (this.finished) {
      throw new InvalidArgumentError(`${this.directory} is finished: write more samples to another directory`)
    }
    const { key, picture } = sample
    checkKey(key)
    if (this.#keys.has(key)) throw new InvalidArgumentError(`key "${key}" comes twice; keys must differ`)
    const pictureName = `${key}.${pictureExtension(key, picture)}`
    const record = recordBytes(sample)
    await this.#exclusively(async () => {
      const bytes = tarEntryBytes(picture.byteLength) + tarEntryBytes(record.byteLength)
      if (this.#open && this.#open.bytes + bytes > this.#settings.maxBytes) await this.#completeShard()
      this.#open ??= await this.#startShard()
      const { tars, keys } = this.#open
      await tars[0]!.add(pictureName, picture)
      await tars.at(-1)!.add(`${key}.json`, record)
      this.#open.bytes += bytes
      keys.push(key)
      this.#keys.add(key)
      this.#samples++
      if (keys.length === this.#settings.maxSamples) await this.#completeShard()
    })
  }

  /** Completes the last shard and writes the index. */
  async finish(): Promise<ShardIndex> {
    if (this.finished) return this.finished
    this.#options.signal?.throwIfAborted()
    return this.#exclusively(async () => {
      if (this.#open) await this.#completeShard()
      const { layout, origin } = this.#settings
      const index: ShardIndex = { version: 1, layout, samples: this.#samples, origin, shards: this.#shards }
      await writeFileAtomic(join(this.directory, INDEX_FILE), `${JSON.stringify(index, null, 1)}\n`)
      await syncDirectory(this.directory)
      await this.#journal?.close()
      this.#journal = null
      await this.#remove(JOURNAL_FILE)
      this.finished = index
      await this.#lock?.release()
      return index
    })
  }

  /**
   * Waits for a call that is under way, drops the open shard and closes every file. Complete shards stay for the next
   * start; after `finish` there is nothing to close.
   */
  async close(): Promise<void> {
    await this.#busy?.catch(() => {})
    await this.#drop()
    this.#failure ??= new InvalidArgumentError(`${this.directory}: this writer is closed; open another`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure
    if (this.#busy)
      throw new InvalidArgumentError('wait for add() before the next call: samples have an order')
    const running = work()
    this.#busy = running
    try {
      return await running
    } catch (error) {
      this.#failure = error
      await this.#drop()
      throw error
    } finally {
      this.#busy = null
    }
  }

  async #drop(): Promise<void> {
    const open = this.#open
    this.#open = null
    for (const tar of open?.tars ?? []) await tar.discard()
    for (const key of open?.keys ?? []) this.#keys.delete(key)
    this.#samples -= open?.keys.length ?? 0
    const journal = this.#journal
    this.#journal = null
    await journal?.close()
    await this.#lock?.release()
  }

  async #startShard(): Promise<OpenShard> {
    const names = shardNames(this.#settings.layout, this.#shards.length)
    const tars: TarFile[] = []
    try {
      for (const name of names) tars.push(await TarFile.create(join(this.directory, name)))
    } catch (error) {
      for (const tar of tars) await tar.discard()
      throw error
    }
    return { tars, keys: [], bytes: TAR_END * names.length }
  }

  async #completeShard(): Promise<void> {
    const { tars, keys } = this.#open!
    const names = shardNames(this.#settings.layout, this.#shards.length)
    const files = []
    for (const [i, tar] of tars.entries()) files.push({ name: names[i]!, ...(await tar.close()) })
    for (const tar of tars) await tar.commit()
    await syncDirectory(this.directory)
    const shard: ShardEntry = { samples: keys.length, files }
    await this.#journal!.append({ ...shard, keys })
    this.#shards.push(shard)
    this.#open = null
    this.#options.onProgress?.({ samples: this.#samples, shards: this.#shards.length })
  }

  async #acceptFinished(index: ShardIndex): Promise<void> {
    const { layout, origin } = this.#settings
    this.#requireSame({ layout: index.layout, origin: index.origin }, { layout, origin })
    // A kill may have come between the index and this.
    await this.#remove(JOURNAL_FILE)
    this.finished = index
  }

  async #resume(): Promise<void> {
    const names = await onDisk('list', this.directory, () => readdir(this.directory))
    const ours = names.filter((name) => /^(images|records|samples)-\d{6}\.tar(\.tmp)?$/.test(name))
    if (ours.length > 0 && !names.includes(JOURNAL_FILE)) {
      throw new ResourceError(
        `${this.directory} holds ${ours[0]} but no ${JOURNAL_FILE}: it is no dataset that can be continued; choose another directory`,
      )
    }
    let settings: unknown
    this.#journal = await Journal.open(join(this.directory, JOURNAL_FILE), (value) => {
      if (settings === undefined) settings = value
      else this.#takeShard(value as ShardEntry & { keys: string[] })
    })
    try {
      if (settings === undefined) await this.#journal.append(this.#settings)
      else this.#requireSame(settings as Settings, this.#settings)
      const complete = new Set(this.#shards.flatMap(({ files }) => files.map(({ name }) => name)))
      const missing = [...complete].find((name) => !names.includes(name))
      if (missing) {
        throw new ResourceError(
          `${this.directory}: ${missing} was complete and is gone; put it back, or start in another directory`,
        )
      }
      const leftover = names.filter((name) => name.startsWith(`.${INDEX_FILE}.`))
      for (const name of [...ours, ...leftover]) if (!complete.has(name)) await this.#remove(name)
    } catch (error) {
      await this.#journal.close()
      throw error
    }
  }

  #takeShard({ keys, ...shard }: ShardEntry & { keys: string[] }): void {
    this.#shards.push(shard)
    this.#samples += shard.samples
    for (const key of keys) this.#keys.add(key)
  }

  #requireSame(begun: Partial<Settings>, asked: Partial<Settings>): void {
    for (const [name, value] of Object.entries(asked)) {
      const before = begun[name as keyof Settings]
      if (before === value) continue
      throw new InvalidArgumentError(
        `${this.directory} was begun with ${name} ${JSON.stringify(before)}, now it is ${JSON.stringify(value)}: choose another directory, or what was chosen then`,
      )
    }
  }

  async #remove(name: string): Promise<void> {
    const path = join(this.directory, name)
    await onDisk('remove', path, () => rm(path, { force: true }))
  }
}
