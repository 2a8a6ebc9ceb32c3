// A set of pretrained files, wherever they are: one interface over a directory, a web address and a hub repository.

import { ConfigError, InvalidArgumentError, ResourceError } from '../errors.ts'
import type { ByteSource, TransferProgress } from '../safetensors/byte-source.ts'

/** Where files may come from and how they are fetched. */
export interface PretrainedOptions {
  /** Branch, tag or commit of a hub repository; the same as `owner/name@revision`. Default "main". */
  revision?: string
  /** Access token of the hub. Default: HF_TOKEN, or the token that `hf auth login` stored (Node). */
  token?: string
  /**
   * Where downloads are kept. Default for the hub: its own cache (HF_HUB_CACHE, HF_HOME); for web addresses
   * ~/.cache/ps3js/http. `false` keeps nothing and reads by range. In a browser anything but `false` is the Cache API.
   */
  cacheDir?: string | false
  /** Headers for a base URL (not for the hub). */
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal
  /** Called as a download proceeds, with bytes. */
  onProgress?: (progress: TransferProgress) => void
  fetch?: typeof fetch
  /** Attempts after the first one. Default 4. */
  retries?: number
  /** First pause between attempts in milliseconds; doubles each time. Default 300. */
  retryDelayMs?: number
}

/** Files that belong together: configuration, weights, tokenizer. Names are relative, with "/" between folders. */
export interface PretrainedFiles {
  /** What the user asked for. */
  readonly ref: string
  /** Where that is, for messages: a path, a URL, or owner/name@revision. */
  readonly location: string
  /** Whether a file is there. Throws `ResourceError` when that can't be found out. */
  has(name: string): Promise<boolean>
  /** A file's bytes; downloaded into the cache first where there is one. Throws `ResourceError`. */
  open(name: string): Promise<ByteSource>
  /** A whole UTF-8 text. Throws `ResourceError`. */
  readText(name: string): Promise<string>
  /** A parsed JSON file. Throws `ResourceError`, and `ConfigError` when it isn't JSON. */
  readJson(name: string): Promise<unknown>
  /** The files of a folder below. */
  subdirectory(name: string): PretrainedFiles
  /** What a path written in one of these files means: see `resolveRelative`. */
  relative(path: string): Promise<PretrainedFiles>
}

/** One kind of place. Paths are normalised, relative to the place's root. */
export interface FilePlace {
  readonly kind: 'directory' | 'url' | 'hub'
  /** A path for messages. */
  describe(path: string): string
  has(path: string): Promise<boolean>
  open(path: string): Promise<ByteSource>
  /** Whether a folder is known to be there. */
  hasDirectory(path: string): Promise<boolean>
}

/** Text files larger than this are not what they claim to be. */
const maxTextBytes = 256 * 2 ** 20

export class PlacedFiles implements PretrainedFiles {
  readonly ref: string
  readonly location: string
  readonly #place: FilePlace
  readonly #prefix: string
  readonly #resolve: (ref: string) => Promise<PretrainedFiles>

  constructor(
    ref: string,
    place: FilePlace,
    resolve: (ref: string) => Promise<PretrainedFiles>,
    prefix = '',
  ) {
    this.ref = ref
    this.location = place.describe(prefix)
    this.#place = place
    this.#prefix = prefix
    this.#resolve = resolve
  }

  has(name: string): Promise<boolean> {
    return this.#place.has(this.#path(name))
  }

  open(name: string): Promise<ByteSource> {
    return this.#place.open(this.#path(name))
  }

  async readText(name: string): Promise<string> {
    const source = await this.open(name)
    try {
      const size = await source.size()
      if (size > maxTextBytes) {
        throw new ResourceError(
          `${source.name} has ${size} bytes; a text file of at most ${maxTextBytes} was expected`,
        )
      }
      return new TextDecoder('utf-8', { fatal: true }).decode(await source.read(0, size))
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause
      throw new ResourceError(`${source.name} is not UTF-8 text; download it again`, { cause })
    } finally {
      await source.close?.()
    }
  }

  async readJson(name: string): Promise<unknown> {
    const text = await this.readText(name)
    try {
      return JSON.parse(text)
    } catch (cause) {
      const where = this.#place.describe(this.#path(name))
      throw new ConfigError(`${where} is not valid JSON: ${(cause as Error).message}`, { cause })
    }
  }

  subdirectory(name: string): PretrainedFiles {
    return new PlacedFiles(`${this.ref}/${name}`, this.#place, this.#resolve, this.#path(name))
  }

  async relative(path: string): Promise<PretrainedFiles> {
    const { kind } = this.#place
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return this.#resolve(path)
    if (isAbsolutePath(path)) {
      if (kind === 'directory') return this.#resolve(path)
      throw new InvalidArgumentError(
        `${this.location} refers to the local path ${path}; files from elsewhere may only name their own folders, web addresses or hub repositories`,
      )
    }
    const joined = normalizePath(`${this.#prefix}/${path}`)
    const isExplicit = /^\.{1,2}(\/|$)/.test(path)
    if (kind === 'hub' && isExplicit && joined.split('/')[0] === '..') {
      throw new InvalidArgumentError(
        `${this.location} refers to ${path}, which lies outside of its repository`,
      )
    }
    const files = () => new PlacedFiles(`${this.ref}/${path}`, this.#place, this.#resolve, joined)
    if (isExplicit && kind !== 'directory') return files()
    if (await this.#place.hasDirectory(joined)) return files()
    if (!isExplicit) return this.#resolve(path)
    throw new ResourceError(
      `${this.location} refers to ${path}, but there is no directory ${this.#place.describe(joined)}; copy it there`,
    )
  }

  #path(name: string): string {
    checkFileName(name)
    return this.#prefix ? `${this.#prefix}/${name}` : name
  }
}

/** Throws unless a name stays inside its folder, on every operating system. */
export function checkFileName(name: string): void {
  const isBad =
    name === '' ||
    /[\\:\0]/.test(name) ||
    name.split('/').some((part) => part === '' || part === '.' || part === '..')
  if (isBad) {
    throw new InvalidArgumentError(
      `${JSON.stringify(name)} is not a file name inside a folder: no "..", no absolute path, "/" between folders`,
    )
  }
}

export function isAbsolutePath(path: string): boolean {
  return /^([/\\~]|[a-zA-Z]:[\\/])/.test(path)
}

/** Removes "." and resolves ".." as far as possible; leading ".." stay. */
export function normalizePath(path: string): string {
  const parts: string[] = []
  for (const part of path.replaceAll('\\', '/').split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.join('/')
}
