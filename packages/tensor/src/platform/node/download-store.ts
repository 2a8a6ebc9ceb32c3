// Downloads kept on disk: hub files in the layout that all Hugging Face tools share, others by URL and version.
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache

import { createHash, type Hash, randomUUID } from 'node:crypto'
import { copyFile, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { ResourceError } from '../../errors.ts'
import type { HttpStore, HubEnvironment, HubStore, IncomingFile } from '../../pretrained/store.ts'
import { createAtomicFile, makeDirectory, writeFileAtomic } from './atomic-file.ts'
import { fileError } from './file-errors.ts'
import { fileSource } from './file-source.ts'

const isSha256 = /^[0-9a-f]{64}$/

/** HF_ENDPOINT, HF_TOKEN or the stored token, HF_HUB_OFFLINE: as the Python library reads them. */
export async function hubEnvironment(): Promise<HubEnvironment> {
  const { env } = process
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface')
  const stored = () => readFile(env.HF_TOKEN_PATH ?? join(home, 'token'), 'utf8').catch(() => '')
  const token = (env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN ?? (await stored())).trim()
  const isOffline = /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? '')
  return { endpoint: env.HF_ENDPOINT, token: token || undefined, isOffline }
}

/** The hub's cache of one model repository; default directory as in all its tools. */
export async function hubStore(repository: string, cacheDir?: string): Promise<HubStore> {
  const { getHFHubCachePath, getRepoFolderName } = await import('@huggingface/hub')
  const folder = getRepoFolderName({ name: repository, type: 'model' })
  const location = join(cacheDir ?? getHFHubCachePath(), folder)
  const snapshot = (commit: string, path: string) => join(location, 'snapshots', commit, path)
  const missing = (commit: string, path: string) => join(location, '.no_exist', commit, path)
  return {
    location,
    async commitOf(revision) {
      const text = await readFile(join(location, 'refs', revision), 'utf8').catch(() => '')
      return text.trim() || undefined
    },
    rememberCommit: (revision, commit) => writeBelow(join(location, 'refs', revision), commit),
    async find(commit, path) {
      return (await isFile(snapshot(commit, path))) ? fileSource(snapshot(commit, path)) : undefined
    },
    isMissing: (commit, path) => isFile(missing(commit, path)),
    rememberMissing: (commit, path) => writeBelow(missing(commit, path), ''),
    async save(commit, path, file) {
      const etag = file.etag.replace(/^W\//, '').replaceAll('"', '')
      const blob = join(location, 'blobs', etag.replace(/[^\w.-]/g, '_'))
      if ((await sizeOf(blob)) !== file.size) {
        await receive(blob, file, { sha256: isSha256.test(etag) ? etag : undefined })
      }
      await link(blob, snapshot(commit, path))
      return fileSource(snapshot(commit, path))
    },
  }
}

/** A cache by URL; each URL has a folder with the newest version and a note of what it is. */
export async function httpStore(cacheDir?: string): Promise<HttpStore> {
  const root = cacheDir ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ps3js', 'http')
  const folderOf = (url: string) => join(root, digest(url).slice(0, 40))
  return {
    async find(url) {
      const folder = folderOf(url)
      try {
        const note = JSON.parse(await readFile(join(folder, 'download.json'), 'utf8'))
        if (note.url !== url || typeof note.etag !== 'string') return undefined
        const path = join(folder, basename(String(note.file)))
        if ((await sizeOf(path)) !== note.size) return undefined
        return { etag: note.etag, source: fileSource(path) }
      } catch {
        // No note, or not one of ours: the file is downloaded again.
        return undefined
      }
    },
    async save(url, incoming) {
      const folder = folderOf(url)
      const name = decodeURIComponent(basename(new URL(url).pathname)).replace(/[^\w.-]/g, '_')
      const file = `${digest(incoming.etag || randomUUID()).slice(0, 16)}-${name}`
      const previous = await readFile(join(folder, 'download.json'), 'utf8').catch(() => '')
      const size = await receive(join(folder, file), incoming, {})
      await writeFileAtomic(
        join(folder, 'download.json'),
        JSON.stringify({ url, etag: incoming.etag, size, file }),
      )
      const old = /"file":"([\w.-]+)"/.exec(previous)?.[1]
      if (old && old !== file) await rm(join(folder, old), { force: true }).catch(() => {})
      return fileSource(join(folder, file))
    },
  }
}

/** Writes a download to its place, but only when size and checksum are right. Returns the size in bytes. */
async function receive(path: string, file: IncomingFile, { sha256 }: { sha256?: string }): Promise<number> {
  await makeDirectory(dirname(path))
  const output = await createAtomicFile(path, { signal: file.signal })
  const hash: Hash | undefined = sha256 ? createHash('sha256') : undefined
  let size = 0
  try {
    for await (const chunk of file.chunks) {
      hash?.update(chunk)
      await output.write(chunk)
      size += chunk.length
    }
    if (file.size !== undefined && size !== file.size) {
      throw new ResourceError(
        `${path}: the download has ${size} bytes, ${file.size} were announced; try again`,
      )
    }
    const actual = hash?.digest('hex')
    if (actual !== sha256) {
      throw new ResourceError(`${path}: the download's SHA-256 is ${actual}, not ${sha256}; try again`)
    }
    await output.commit()
    return size
  } finally {
    await output.discard()
  }
}

/** A relative link from the snapshot to the blob, or a copy where links are not allowed. */
async function link(blob: string, pointer: string): Promise<void> {
  await makeDirectory(dirname(pointer))
  const temporary = `${pointer}.${randomUUID().slice(0, 8)}.tmp`
  try {
    await symlink(relative(dirname(pointer), blob), temporary).catch(() => copyFile(blob, temporary))
    await rename(temporary, pointer)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw fileError(error, 'write', pointer)
  }
}

async function writeBelow(path: string, text: string): Promise<void> {
  await makeDirectory(dirname(path))
  await writeFileAtomic(path, text)
}

async function isFile(path: string): Promise<boolean> {
  return (await sizeOf(path)) !== undefined
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? found.size : undefined
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
