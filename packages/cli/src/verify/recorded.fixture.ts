// The recorded cases that tests replay: whole folders, some of their cases, or with one thing changed.
import { fileURLToPath } from 'node:url'
import { bytesSource, openSafetensors, serializeSafetensors } from '@ps3js/tensor'
import { directoryStore } from './directory-store.ts'
import type { FixtureStore } from './store.ts'

const inPackage = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** What was recorded of resampling belongs to the ops' own tests. */
export const folderOf = (name: string) =>
  inPackage(name === 'interpolate' ? 'tensor/fixtures/ops/interpolate' : `cli/fixtures/recorded/${name}`)

export const recordedStore = (name: string) => directoryStore(folderOf(name))

/** Pictures and the processor's output for them; they belong to the encoder's own tests. */
export const preprocessFolder = inPackage('ps3-encoder/fixtures/preprocess')

/** Outputs of a language model; they belong to its own tests. */
export const languageFolder = inPackage('language-model/fixtures/qwen2-tied')

/** A training step and learning-rate schedules; they belong to the trainer's own tests. */
export const trainFolder = fileURLToPath(new URL('../../../trainer/fixtures', import.meta.url))

/** Whether a file of a family is needed to replay these cases. */
export const belongsTo = (cases: readonly string[]) => (path: string) =>
  !path.startsWith('cases/') || cases.includes(path.split('/')[1]!)

/** The same family with these cases only. */
export function withCases(store: FixtureStore, cases: readonly string[]): FixtureStore {
  const list = async (folder: string) => {
    const names = await store.list(folder)
    return folder === 'cases' ? names.filter((name) => cases.includes(name.slice(0, -1))) : names
  }
  return { ...store, list, readBytes: (path) => store.readBytes(path) }
}

type Edit = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>

/** The same files, one of them changed as it is read. */
export function withFile(store: FixtureStore, path: string, edit: Edit): FixtureStore {
  return {
    ...store,
    list: (folder) => store.list(folder),
    readBytes: async (asked) => {
      const bytes = await store.readBytes(asked)
      return asked === path ? edit(bytes) : bytes
    },
  }
}

/** Changes parsed JSON. */
export const editJson =
  <T>(change: (value: T) => void): Edit =>
  (bytes) => {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as T
    change(value)
    return new TextEncoder().encode(JSON.stringify(value))
  }

type Arrays = Map<string, { shape: readonly number[]; values: Float32Array }>

/** Changes tensors, which are all written back as float32. */
export const editTensors =
  (change: (tensors: Arrays) => void): Edit =>
  async (bytes) => {
    const file = await openSafetensors(bytesSource(bytes))
    const tensors: Arrays = new Map()
    for (const name of file.names()) {
      tensors.set(name, { shape: file.info(name).shape, values: await file.readFloat32(name) })
    }
    change(tensors)
    return serializeSafetensors(
      [...tensors].map(
        ([name, { shape, values }]) => [name, { dtype: 'F32' as const, shape, data: values }] as const,
      ),
    )
  }
