// A directory's files appear in their place together and only when all are whole: they are written into a hidden
// directory beside it and moved in at the end.

import { mkdir, mkdtemp, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileError } from '@ps3js/tensor'

/**
 * Runs `fill` on an empty directory beside `target` and moves what it wrote into `target`, replacing files of the same
 * name. When `fill` throws, `target` is as it was. `before` runs when all is written, right before the move.
 *
 * @throws ResourceError when a directory or file cannot be written
 */
export async function withStaging<T>(
  target: string,
  fill: (directory: string) => Promise<T>,
  before: () => Promise<void> = async () => {},
): Promise<T> {
  const place = resolve(target)
  const made = await makeParents(dirname(place))
  let staging: string | undefined
  let done = false
  try {
    await requireDirectoryOrNothing(place)
    staging = await attempt('write into', dirname(place), () =>
      mkdtemp(join(dirname(place), `.${basename(place)}.`)),
    )
    const result = await fill(staging)
    await before()
    await moveInto(staging, place)
    done = true
    return result
  } finally {
    if (staging) await rm(staging, { recursive: true, force: true })
    if (!done && made) await removeEmpty(dirname(place), made)
  }
}

/** The first directory that had to be made, if any. */
async function makeParents(directory: string): Promise<string | undefined> {
  return attempt('make the directory', directory, () => mkdir(directory, { recursive: true }))
}

/** Takes back directories that were made here, innermost first, as far as they are empty. */
async function removeEmpty(directory: string, outermost: string): Promise<void> {
  for (let current = directory; ; current = dirname(current)) {
    const removed = await rmdir(current).then(
      () => true,
      () => false,
    )
    if (!removed || current === outermost) return
  }
}

/** @throws ResourceError where something lies at `place` that is no directory */
export async function requireDirectoryOrNothing(place: string): Promise<void> {
  const found = await stat(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw fileError(error, 'write into', place)
  })
  if (found && !found.isDirectory()) {
    throw fileError(
      Object.assign(new Error('not a directory'), { code: 'EEXIST' }),
      'make the directory',
      place,
    )
  }
}

async function moveInto(from: string, to: string): Promise<void> {
  await attempt('make the directory', to, () => mkdir(to, { recursive: true }))
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) await moveInto(source, target)
    else await attempt('write', target, () => rename(source, target))
  }
}

async function attempt<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fileError(error, doing, path)
  }
}
