// Where everything lies in the cache, and what makes it valid. A folder counts only once its stamp is in it, and the
// stamp is written last, into a folder that is then renamed into place.
//   library/<variant>-<version>/{tensorflow,nvidia}   unpacked wheels, as Python's site-packages would hold them
//   addon/<variant>-<version>-<key>/tfjs_binding.node compiled; the key covers sources and compiler flags
//   prebuilt/<version>/{lib,deps}                     tfjs-node's own download
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BackendError } from '../errors.ts'
import { type NativeVariant, TENSORFLOW_VERSION } from './wheels.ts'

const STAMP = 'stamp.json'
const require = createRequire(import.meta.url)

export interface Stamp {
  versions: Record<string, string>
  /** Size in bytes of every file that loading depends on, by its path in the folder. */
  files: Record<string, number>
  /** sha256 of what was downloaded or compiled. */
  checksums: Record<string, string>
  /** Only for compiled folders: how the compiler was called. */
  flags?: string[]
}

/** `$PS3_CACHE/native`, else `~/.cache/ps3js/native`; an explicit folder is taken as it is. */
export function nativeCacheDir(cacheDir?: string): string {
  if (cacheDir) return resolve(cacheDir)
  const root = process.env.PS3_CACHE
  return root ? resolve(root, 'native') : join(homedir(), '.cache', 'ps3js', 'native')
}

export const libraryDir = (cache: string, variant: NativeVariant): string =>
  join(cache, 'library', `${variant}-${TENSORFLOW_VERSION}`)

export const prebuiltDir = (cache: string): string => join(cache, 'prebuilt', tfjsNodeVersion())

/** The stamp of a complete folder; undefined when the folder is absent, unfinished or was damaged since. */
export function readStamp(dir: string): Stamp | undefined {
  try {
    const stamp = JSON.parse(readFileSync(join(dir, STAMP), 'utf8')) as Stamp
    for (const [file, size] of Object.entries(stamp.files)) {
      if (statSync(join(dir, file)).size !== size) return undefined
    }
    return stamp
  } catch {
    return undefined
  }
}

/** Fills a folder beside `target`, stamps it and moves it into place; whatever goes wrong leaves `target` alone. */
export async function buildFolder(target: string, fill: (dir: string) => Promise<Stamp>): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  const temporary = await mkdtemp(`${target}.part-`)
  try {
    const stamp = await fill(temporary)
    await writeFile(join(temporary, STAMP), `${JSON.stringify(stamp, null, 2)}\n`)
    // Another process may have finished first: its folder is as good.
    if (readStamp(target)) return
    await rm(target, { recursive: true, force: true })
    await rename(temporary, target)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** The folder of tfjs-node's package; undefined when it is not installed (it is optional). */
export function tfjsNodeDir(): string | undefined {
  try {
    return dirname(require.resolve('@tensorflow/tfjs-node/package.json'))
  } catch {
    return undefined
  }
}

export function requireTfjsNode(): string {
  const dir = tfjsNodeDir()
  if (dir) return dir
  throw new BackendError(
    'the package @tensorflow/tfjs-node is missing (optional dependencies were left out): npm install @tensorflow/tfjs-node@4.22.0 --ignore-scripts',
  )
}

function tfjsNodeVersion(): string {
  return (require('@tensorflow/tfjs-node/package.json') as { version: string }).version
}

export const napiHeadersDir = (): string =>
  join(dirname(require.resolve('node-api-headers/package.json')), 'include')

/** This package's C++ sources: beside `dist` when published, beside `src` in a checkout. */
export function fusedSourceDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < 4; level++) {
    if (existsSync(join(dir, 'native', 'fused-ops.cc'))) return join(dir, 'native')
    dir = dirname(dir)
  }
  throw new BackendError(
    '@ps3js/tensor is incomplete: its folder native/ with the C++ sources is missing; install the package anew',
  )
}

/** What is compiled, and the headers of ours that it includes. */
export function addonSources(): { compiled: string[]; watched: string[] } {
  const binding = join(requireTfjsNode(), 'binding')
  const ours = fusedSourceDir()
  const headers = readdirSync(ours).filter((name) => name.endsWith('.h'))
  const compiled = [
    join(binding, 'tfjs_backend.cc'),
    join(binding, 'tfjs_binding.cc'),
    ...readdirSync(ours)
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => join(ours, name)),
  ]
  return { compiled, watched: [...compiled, ...headers.sort().map((name) => join(ours, name))] }
}

/** A folder of its own for every combination of sources and flags, so that an old build is never taken for a new one. */
export function addonDir(cache: string, variant: NativeVariant, flags: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([process.arch, ...flags]))
  for (const file of addonSources().watched) hash.update(readFileSync(file))
  return join(cache, 'addon', `${variant}-${TENSORFLOW_VERSION}-${hash.digest('hex').slice(0, 16)}`)
}
