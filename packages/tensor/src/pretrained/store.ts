// What a cache of downloaded files must offer; Node keeps it on disk, browsers in the Cache API.

import type { ByteSource } from '../safetensors/byte-source.ts'

/** A file on its way into a cache. */
export interface IncomingFile {
  /** The version, as the server names it: an ETag or a hash. Empty when the server names none. */
  etag: string
  /** Bytes, when known. Fewer or more are an error. */
  size: number | undefined
  chunks: AsyncIterable<Uint8Array>
  signal?: AbortSignal
}

/** Cached files of one hub repository. A file is found only when it is whole. */
export interface HubStore {
  /** Where it is, for messages. */
  readonly location: string
  /** The commit that a branch or tag stood for when it was last asked. */
  commitOf(revision: string): Promise<string | undefined>
  rememberCommit(revision: string, commit: string): Promise<void>
  find(commit: string, path: string): Promise<ByteSource | undefined>
  /** Whether the repository is known not to have this file. */
  isMissing(commit: string, path: string): Promise<boolean>
  rememberMissing(commit: string, path: string): Promise<void>
  save(commit: string, path: string, file: IncomingFile): Promise<ByteSource>
}

/** Cached files by URL. A file is found only when it is whole. */
export interface HttpStore {
  find(url: string): Promise<{ etag: string; source: ByteSource } | undefined>
  save(url: string, file: IncomingFile): Promise<ByteSource>
}

/** What the surroundings say about the hub. */
export interface HubEnvironment {
  endpoint?: string
  token?: string
  isOffline?: boolean
}
