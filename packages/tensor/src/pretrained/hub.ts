// Files of a Hugging Face hub repository, through its own client library and in its own cache layout.
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache

import type * as Hub from '@huggingface/hub'
import { hubEnvironment, hubStore } from '#platform'
import { PS3Error, ResourceError } from '../errors.ts'
import type { ByteSource } from '../safetensors/byte-source.ts'
import { HttpStatusError, NetworkError, request, resumable } from '../safetensors/http.ts'
import { httpSource } from '../safetensors/http-source.ts'
import type { FilePlace, PretrainedOptions } from './files.ts'
import type { HubEnvironment, HubStore } from './store.ts'

const isCommit = /^[0-9a-f]{40}$/

/** A repository at one revision. Asks the hub once which commit that is; without a network the cache answers. */
export async function hubPlace(
  name: string,
  revision: string,
  options: PretrainedOptions,
): Promise<FilePlace> {
  const environment = await hubEnvironment()
  const store = options.cacheDir === false ? undefined : await hubStore(name, options.cacheDir)
  const repository = new Repository(name, revision, options, environment, store)
  await repository.connect()
  return repository
}

class Repository implements FilePlace {
  readonly kind = 'hub'
  readonly #name: string
  readonly #revision: string
  readonly #options: PretrainedOptions
  readonly #endpoint: string
  readonly #token: string | undefined
  readonly #store: HubStore | undefined
  readonly #opened = new Map<string, Promise<ByteSource>>()
  #isOffline: boolean
  #commit = ''
  #listing: ReadonlySet<string> | undefined

  constructor(
    name: string,
    revision: string,
    options: PretrainedOptions,
    environment: HubEnvironment,
    store: HubStore | undefined,
  ) {
    this.#name = name
    this.#revision = revision
    this.#options = options
    this.#endpoint = (environment.endpoint || 'https://huggingface.co').replace(/\/+$/, '')
    this.#token = options.token ?? environment.token
    this.#isOffline = environment.isOffline ?? false
    this.#store = store
  }

  /** Finds the commit, and what files it has. */
  async connect(): Promise<void> {
    if (isCommit.test(this.#revision)) {
      this.#commit = this.#revision
      return
    }
    if (!this.#isOffline) {
      try {
        const { modelInfo } = await import('@huggingface/hub')
        const info = await this.#ask(() =>
          modelInfo({
            name: this.#name,
            revision: this.#revision,
            additionalFields: ['sha', 'filePaths'],
            hubUrl: this.#endpoint,
            fetch: this.#fetch,
          }),
        )
        if (typeof info.sha !== 'string' || !isCommit.test(info.sha)) throw this.#oddAnswer()
        this.#commit = info.sha
        // Some mirrors list nothing; then each file is asked for by name.
        if (info.filePaths.length > 0) this.#listing = new Set(info.filePaths)
        await this.#store?.rememberCommit(this.#revision, info.sha)
        return
      } catch (error) {
        const isDown =
          error instanceof NetworkError || (error instanceof HttpStatusError && error.status >= 500)
        const known = isDown ? await this.#store?.commitOf(this.#revision) : undefined
        if (!isDown) throw error
        if (known === undefined) throw this.#unreachable(error)
        this.#commit = known
        this.#isOffline = true
        return
      }
    }
    const known = await this.#store?.commitOf(this.#revision)
    if (known === undefined) throw this.#unreachable()
    this.#commit = known
  }

  describe(path: string): string {
    return `${this.#name}@${this.#revision}${path ? `/${path}` : ''}`
  }

  async has(path: string): Promise<boolean> {
    if (await this.#store?.find(this.#commit, path)) return true
    if (this.#isOffline || (await this.#store?.isMissing(this.#commit, path))) return false
    const isThere = this.#listing ? this.#listing.has(path) : (await this.#locate(path)) !== null
    if (!isThere) await this.#store?.rememberMissing(this.#commit, path)
    return isThere
  }

  async hasDirectory(path: string): Promise<boolean> {
    return [...(this.#listing ?? [])].some((file) => file.startsWith(`${path}/`))
  }

  open(path: string): Promise<ByteSource> {
    let source = this.#opened.get(path)
    if (!source) {
      source = this.#open(path).catch((error: unknown) => {
        this.#opened.delete(path)
        throw error
      })
      this.#opened.set(path, source)
    }
    return source
  }

  async #open(path: string): Promise<ByteSource> {
    const { signal, onProgress } = this.#options
    const cached = await this.#store?.find(this.#commit, path)
    if (cached) return cached
    if (this.#isOffline) throw this.#unreachable(undefined, path)
    const info = await this.#locate(path).catch((error: unknown) => {
      throw error instanceof NetworkError ? this.#unreachable(error, path) : error
    })
    if (info === null) throw this.#noFile(path)
    if (!this.#store) {
      const url = `${this.#endpoint}/${this.#name}/resolve/${this.#commit}/${encodePath(path)}`
      return httpSource(url, { ...this.#options, headers: {}, fetch: this.#fetch })
    }
    const { downloadFile } = await import('@huggingface/hub')
    const blob = await this.#ask(() => downloadFile({ ...this.#target(path), downloadInfo: info }), path)
    if (!blob) throw this.#noFile(path)
    const chunks = resumable(
      (offset) => this.#ask(async () => started((offset > 0 ? blob.slice(offset) : blob).stream()), path),
      {
        ...this.#options,
        name: this.describe(path),
        size: info.size,
        onBytes: (loaded) => onProgress?.({ file: path, loaded, total: info.size }),
      },
    )
    return this.#store.save(this.#commit, path, { etag: info.etag, size: info.size, chunks, signal })
  }

  /** Size, version and address of a file; null when the repository has none of that name. */
  async #locate(path: string): Promise<Hub.FileDownloadInfoOutput | null> {
    const { fileDownloadInfo } = await import('@huggingface/hub')
    return this.#ask(() => fileDownloadInfo(this.#target(path)), path)
  }

  #target(path: string) {
    return {
      repo: this.#name,
      path: encodePath(path),
      revision: this.#commit,
      hubUrl: this.#endpoint,
      fetch: this.#fetch,
    }
  }

  /** The client library's fetch: with retries, the token for the hub alone, and no whole body in place of a range. */
  readonly #fetch: typeof fetch = async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input)
    const headers = new Headers(init.headers)
    if (this.#token && new URL(url).origin === new URL(this.#endpoint).origin) {
      headers.set('authorization', `Bearer ${this.#token}`)
    }
    const response = await request(url, { ...init, headers }, { ...this.#options, headers: {} })
    const isResumed = /^bytes=[1-9]/.test(headers.get('range') ?? '')
    if (isResumed && response.status === 200) {
      await response.body?.cancel().catch(() => {})
      throw new ResourceError(
        `${this.#endpoint} does not serve parts of files, so a broken download can't go on; try again`,
      )
    }
    return response
  }

  /** Runs a call of the client library; its errors become typed ones that say what to check. */
  async #ask<T>(call: () => Promise<T>, path?: string): Promise<T> {
    this.#options.signal?.throwIfAborted()
    try {
      return await call()
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (error instanceof PS3Error) throw error
      const status = (error as { statusCode?: unknown } | null)?.statusCode
      if (typeof status === 'number') throw this.#refusal(status, error, path)
      throw this.#oddAnswer(error)
    }
  }

  #refusal(status: number, cause: unknown, path?: string): ResourceError {
    const what = this.describe(path ?? '')
    const where = `${this.#endpoint} (HF_ENDPOINT)`
    const page = `${this.#endpoint}/${this.#name}`
    if (status === 401) {
      const token = this.#token ? 'the token is not valid for it' : 'set HF_TOKEN if it is private or gated'
      return new ResourceError(
        `${where} refuses ${what} (401): the repository does not exist or needs access. Check the spelling; ${token}`,
        { cause },
      )
    }
    if (status === 403) {
      return new ResourceError(
        `${where} refuses ${what} (403): accept the terms at ${page} if it is gated, and check that HF_TOKEN may read it`,
        { cause },
      )
    }
    if (status === 404 && path === undefined) {
      return new ResourceError(
        `${where} has no model repository ${this.#name} with revision ${this.#revision} (404). Check the spelling of owner, name and revision; set HF_TOKEN if it is private`,
        { cause },
      )
    }
    if (status === 404) return this.#noFile(path!, cause)
    return new HttpStatusError(page, status, { cause })
  }

  #noFile(path: string, cause?: unknown): ResourceError {
    const files = [...(this.#listing ?? [])]
    const list =
      files.length > 12 ? `${files.slice(0, 12).join(', ')}, … (${files.length} files)` : files.join(', ')
    return new ResourceError(
      `${this.#name} has no file ${path} at revision ${this.#revision} (404). Check the file name and the revision${list && `; it holds ${list}`}`,
      { cause },
    )
  }

  #unreachable(cause?: unknown, path?: string): ResourceError {
    const what = this.describe(path ?? '')
    const problem =
      cause instanceof Error ? cause.message : 'HF_HUB_OFFLINE is set or the hub was not reachable before'
    const where = this.#store ? ` and it is not in the cache ${this.#store.location}` : ''
    return new ResourceError(
      `Cannot get ${what} from ${this.#endpoint}${where}: ${problem}. Check the network and HF_ENDPOINT, or pass a local directory`,
      { cause },
    )
  }

  #oddAnswer(cause?: unknown): ResourceError {
    const detail =
      cause instanceof Error ? `: ${cause.message}` : typeof cause === 'string' ? `: ${cause}` : ''
    return new ResourceError(
      `${this.#endpoint} does not answer like a hub when asked for ${this.describe('')}${detail}. Check HF_ENDPOINT`,
      { cause },
    )
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

/** The same stream once its first piece is there, so that what fails before shows as a failure to open it. */
async function started(stream: ReadableStream<Uint8Array>): Promise<ReadableStream<Uint8Array>> {
  const reader = stream.getReader()
  let next: ReadableStreamReadResult<Uint8Array> | undefined = await reader.read()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = next ?? (await reader.read())
      next = undefined
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
