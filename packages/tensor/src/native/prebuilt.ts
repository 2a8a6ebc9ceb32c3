// tfjs-node's own prebuilt addon (TensorFlow 2.9, no fused operations), for machines that cannot compile one: from its
// package when its installer ran, else from the host that its installer uses. No checksums are published for it.
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ResourceError } from '../errors.ts'
import { mustRun } from './command.ts'
import type { DownloadProgress } from './download.ts'
import { buildFolder, prebuiltDir, readStamp, tfjsNodeDir } from './layout.ts'

/** The TensorFlow that tfjs-node 4.22 is linked against. */
export const PREBUILT_TENSORFLOW = '2.9.1'
const ADDON = 'lib/napi-v8/tfjs_binding.node'
// The host does not answer at all from many networks.
const ANSWER_MS = 6_000

export interface PrebuiltAddon {
  addonPath: string
  dir: string
  source: 'prebuilt' | 'tfjs-node'
}

/** The prebuilt addon in the cache, or inside tfjs-node's package. */
export function findPrebuilt(cache: string): PrebuiltAddon | undefined {
  const inPackage = tfjsNodeDir()
  if (!inPackage) return undefined
  const cached = prebuiltDir(cache)
  if (readStamp(cached)) return { addonPath: join(cached, ADDON), dir: cached, source: 'prebuilt' }
  if (!existsSync(join(inPackage, ADDON)) || !existsSync(join(inPackage, 'deps', 'lib'))) return undefined
  return { addonPath: join(inPackage, ADDON), dir: inPackage, source: 'tfjs-node' }
}

/** The two archives for a machine, or undefined where tfjs-node has none. `TFJS_NODE_CDN_STORAGE` names a mirror. */
export function prebuiltUrls(
  version: string,
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): { library: string; addon: string } | undefined {
  if (arch !== 'x64' || (platform !== 'linux' && platform !== 'darwin')) return undefined
  const host = (process.env.TFJS_NODE_CDN_STORAGE || 'https://storage.googleapis.com/').replace(/\/*$/, '/')
  return {
    library: `${host}tensorflow/libtensorflow/libtensorflow-cpu-${platform}-x86_64-${PREBUILT_TENSORFLOW}.tar.gz`,
    addon: `${host}tf-builds/pre-built-binary/napi-v8/${version}/CPU-${platform}-${version}.tar.gz`,
  }
}

/** Downloads both archives; throws `ResourceError` within seconds when their host does not answer. */
export async function installPrebuilt(
  cache: string,
  version: string,
  onProgress: (progress: DownloadProgress) => void,
  signal?: AbortSignal,
): Promise<void> {
  const urls = prebuiltUrls(version)
  if (!urls) {
    throw new ResourceError(`tfjs-node has no prebuilt TensorFlow for ${process.platform} on ${process.arch}`)
  }
  await buildFolder(prebuiltDir(cache), async (dir) => {
    const checksums: Record<string, string> = {}
    // The small one first: it tells at once whether the host is there.
    for (const [url, into] of [
      [urls.addon, 'lib'],
      [urls.library, 'deps'],
    ] as const) {
      const archive = join(dir, 'archive.tar.gz')
      checksums[url] = await download(url, archive, onProgress, signal)
      await mkdir(join(dir, into))
      await mustRun(`${url} could not be unpacked`, 'tar', ['-xzf', archive, '-C', join(dir, into)], {
        signal,
      })
      await rm(archive)
    }
    return {
      versions: { tensorflow: PREBUILT_TENSORFLOW, 'tfjs-node': version },
      files: { [ADDON]: (await stat(join(dir, ADDON))).size },
      checksums,
    }
  })
}

async function download(
  url: string,
  file: string,
  onProgress: (progress: DownloadProgress) => void,
  signal?: AbortSignal,
): Promise<string> {
  const detail = url.slice(url.lastIndexOf('/') + 1)
  onProgress({ step: 'download', detail, fraction: 0 })
  // The limit is on the answer, not on the transfer.
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(new Error(`no answer in ${ANSWER_MS / 1000} s`)), ANSWER_MS)
  const stop = signal ? AbortSignal.any([signal, patience.signal]) : patience.signal
  try {
    const response = await fetch(url, { signal: stop })
    clearTimeout(timer)
    if (!response.ok || !response.body) throw new ResourceError(`${url} answered ${response.status}`)
    const total = Number(response.headers.get('content-length')) || undefined
    const hash = createHash('sha256')
    let bytes = 0
    const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream)
    body.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length
      hash.update(chunk)
      onProgress({ step: 'download', detail, fraction: total && bytes / total })
    })
    await pipeline(body, createWriteStream(file), { signal: stop })
    if (total !== undefined && bytes !== total)
      throw new ResourceError(`${url} ended after ${bytes} of ${total} bytes`)
    return hash.digest('hex')
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof ResourceError) throw cause
    const reason = patience.signal.aborted ? patience.signal.reason.message : (cause as Error).message
    throw new ResourceError(`${url} cannot be downloaded: ${reason}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}
