// Where things are, and fingerprints of what they depend on.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
export const cacheDir = join(root, '.cache')

/** The package folders, in the order in which they build on each other. */
export const PACKAGES = [
  'tensor',
  'patch-selector',
  'ps3-encoder',
  'contrastive-loss',
  'language-model',
  'vila-hd-connector',
  'vila-hd',
  'data-pipeline',
  'data-synth',
  'trainer',
  'cli',
]

/** A hash over the contents of files; those that are not there count as empty. */
export function hashFiles(files, ...more) {
  const hash = createHash('sha256')
  for (const part of more) hash.update(`${part}\0`)
  for (const file of files) {
    hash.update(`${relative(root, file)}\0`)
    if (existsSync(file)) hash.update(readFileSync(file))
  }
  return hash.digest('hex')
}

/** Every file below a folder, sorted; empty when there is no such folder. */
export function filesBelow(folder) {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder, { recursive: true }).map((name) => join(folder, name))
  return names.filter((name) => statSync(name, { throwIfNoEntry: false })?.isFile()).sort()
}
