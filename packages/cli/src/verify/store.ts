// Where recorded cases are read from: a directory, or a web address that serves one.

import { bytesSource, openSafetensors, ResourceError, type SafetensorsFile } from '@ps3js/tensor'

export interface FixtureStore {
  /** For messages. */
  readonly location: string
  /** Names in a folder ('' is the root), folders with a trailing slash; empty when there is no such folder. */
  list(folder: string): Promise<string[]>
  /** Throws ResourceError when there is no such file. */
  readBytes(path: string): Promise<Uint8Array<ArrayBuffer>>
}

export async function readJson<T>(store: FixtureStore, path: string): Promise<T> {
  const text = new TextDecoder().decode(await store.readBytes(path))
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new ResourceError(`${store.location}/${path} is not JSON`, { cause: error })
  }
}

/** The tensors of one case. */
export async function readTensors(store: FixtureStore, path: string): Promise<SafetensorsFile> {
  return openSafetensors(bytesSource(await store.readBytes(path), `${store.location}/${path}`))
}

/** Every tensor that the case lists is there, in its shape: one that was lost must not pass as one fewer to compare. */
export function requireWhole(
  { tensors: listed = {} }: { tensors?: Record<string, { shape: number[] }> },
  tensors: SafetensorsFile,
): void {
  for (const [name, { shape }] of Object.entries(listed)) {
    if (!tensors.has(name))
      throw new ResourceError(`case.json lists ${name}, but tensors.safetensors lacks it`)
    const stored = tensors.info(name).shape
    if (stored.join() !== shape.join()) {
      throw new ResourceError(`${name} is [${stored}] in tensors.safetensors, [${shape}] in case.json`)
    }
  }
}

/** The store below a folder of another. */
export function below(store: FixtureStore, folder: string): FixtureStore {
  if (folder === '') return store
  return {
    location: `${store.location}/${folder}`,
    list: (name) => store.list(name === '' ? folder : `${folder}/${name}`),
    readBytes: (path) => store.readBytes(`${folder}/${path}`),
  }
}

/** A store over HTTP, with the paths of all its files. */
export function httpStore(base: string, files: readonly string[]): FixtureStore {
  return {
    location: base,
    list: async (folder) => namesIn(files, folder),
    async readBytes(path) {
      const response = await fetch(`${base}/${path.split('/').map(encodeURIComponent).join('/')}`)
      if (!response.ok) throw new ResourceError(`${base}/${path}: HTTP ${response.status}`)
      return new Uint8Array(await response.arrayBuffer())
    },
  }
}

/** The entries right below a folder, given all paths. */
export function namesIn(files: readonly string[], folder: string): string[] {
  const prefix = folder === '' ? '' : `${folder}/`
  const names = files.flatMap((file) => {
    if (!file.startsWith(prefix)) return []
    const rest = file.slice(prefix.length)
    const slash = rest.indexOf('/')
    return [slash < 0 ? rest : rest.slice(0, slash + 1)]
  })
  return [...new Set(names)]
}
