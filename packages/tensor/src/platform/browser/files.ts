// Local files do not exist in a browser: the same names as on Node, each saying so.

import { ResourceError } from '../../errors.ts'
import type { ByteSource } from '../../safetensors/byte-source.ts'

/** A file being written. Until `commit` nothing is visible under its name. */
export interface AtomicFile {
  write(bytes: Uint8Array): Promise<void>
  commit(): Promise<void>
  discard(): Promise<void>
}

/** The right to write somewhere. */
export interface OutputLock extends AsyncDisposable {
  release(): Promise<void>
}

function nodeOnly(what: string, instead: string): ResourceError {
  return new ResourceError(`${what} needs Node; in a browser ${instead}`)
}

export function fileSource(path: string): ByteSource {
  throw nodeOnly(`Reading the file ${path}`, 'use blobSource with a File, or httpSource')
}

export async function createAtomicFile(
  path: string,
  _options?: { signal?: AbortSignal },
): Promise<AtomicFile> {
  throw nodeOnly(`Writing the file ${path}`, 'use serializeSafetensors and offer the bytes as a download')
}

export async function writeFileAtomic(
  path: string,
  _bytes: Uint8Array | string,
  _options?: { signal?: AbortSignal },
): Promise<void> {
  throw nodeOnly(`Writing the file ${path}`, 'offer the bytes as a download')
}

export async function makeDirectory(path: string): Promise<void> {
  throw nodeOnly(`Making the directory ${path}`, 'there are no directories')
}

export async function listDirectory(path: string): Promise<string[]> {
  throw nodeOnly(`Listing the directory ${path}`, 'there are no directories')
}

export async function removeFile(path: string): Promise<void> {
  throw nodeOnly(`Removing the file ${path}`, 'there are no files')
}

export async function lockOutput(output: string): Promise<OutputLock> {
  throw nodeOnly(`Writing ${output}`, 'there are no files')
}

/** A browser has no file operations that could fail. */
export function fileError(error: unknown, _action: string, _path: string): unknown {
  return error
}
