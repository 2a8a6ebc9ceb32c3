// From what a user writes (a directory, a web address, a hub name) to a set of files.

import { directoryPlace, pathKind } from '#platform'
import { InvalidArgumentError, ResourceError } from '../errors.ts'
import { displayUrl } from '../safetensors/http.ts'
import { isAbsolutePath, PlacedFiles, type PretrainedFiles, type PretrainedOptions } from './files.ts'
import { hubPlace } from './hub.ts'
import { urlPlace } from './url.ts'

const hubName = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@(.+))?$/
const isRevision = /^(?!.*\.\.)[\w][\w./-]*$/

/**
 * Finds pretrained files.
 *
 * `ref` is a local directory (Node), a base URL (http or https) under which the files lie, or `owner/name[@revision]` of the
 * Hugging Face hub. A directory wins over a hub repository of the same name; write "./name" to insist on a directory.
 * Only the hub is asked at once (for the revision); other failures show when a file is opened.
 * Throws `InvalidArgumentError` for a reference that is none of these, and `ResourceError` for what can't be reached.
 */
export async function resolvePretrained(
  ref: string,
  options: PretrainedOptions = {},
): Promise<PretrainedFiles> {
  options.signal?.throwIfAborted()
  const elsewhere = (other: string) => resolvePretrained(other, { ...options, revision: undefined })
  if (/^https?:\/\//i.test(ref)) {
    if (!URL.canParse(ref)) throw new InvalidArgumentError(`${JSON.stringify(ref)} is not a valid URL`)
    return new PlacedFiles(displayUrl(ref), await urlPlace(ref, options), elsewhere)
  }
  const kind = await pathKind(ref)
  if (kind === 'directory') return new PlacedFiles(ref, directoryPlace(ref), elsewhere)
  if (kind === 'file') {
    throw new InvalidArgumentError(`${ref} is a file; pass the directory that holds it`)
  }
  const match = hubName.exec(ref)
  if (!match || isAbsolutePath(ref) || ref.startsWith('.')) {
    if (isAbsolutePath(ref) || /^\.{1,2}([/\\]|$)|^file:|[/\\].*[/\\]/.test(ref)) {
      throw new ResourceError(`There is no directory ${ref}; check the path`)
    }
    throw new InvalidArgumentError(
      `${JSON.stringify(ref)} is neither a directory that exists, nor an http(s) URL, nor owner/name[@revision] of the hub`,
    )
  }
  const [, name, inline] = match
  const revision = options.revision ?? inline ?? 'main'
  if (inline !== undefined && options.revision !== undefined && inline !== options.revision) {
    throw new InvalidArgumentError(`${ref} asks for revision ${inline}, the options for ${options.revision}`)
  }
  if (!isRevision.test(revision)) {
    throw new InvalidArgumentError(`${JSON.stringify(revision)} is not a branch, tag or commit`)
  }
  return new PlacedFiles(ref, await hubPlace(name!, revision, options), elsewhere)
}

/**
 * What a path written inside a configuration file means, such as "../../tokenizers/unigram" in tokenizer_config.json.
 * Paths that start with "." are taken from the folder of `files`; a bare path is a folder below it if there is one, else
 * whatever `resolvePretrained` makes of it (`owner/name`). Files that came from the network can't refer to local paths.
 * Throws `InvalidArgumentError` or `ResourceError`.
 */
export function resolveRelative(files: PretrainedFiles, path: string): Promise<PretrainedFiles> {
  return files.relative(path)
}
