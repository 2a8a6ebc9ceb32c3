// Fetches wheels through pip, verifies them and unpacks the needed part into the cache.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { BackendError, ResourceError } from '../errors.ts'
import { mustRun } from './command.ts'
import { buildFolder, libraryDir } from './layout.ts'
import { LIBRARIES, type NativeVariant, UNPACKED_PREFIXES, type Wheel } from './wheels.ts'

export interface DownloadProgress {
  step: 'download' | 'verify' | 'unpack'
  detail: string
  fraction?: number
}

interface DownloadOptions {
  python: string
  onProgress: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

// Streams members to disk: the library alone is 788 MB, so nothing is held in memory.
const UNPACK = `
import os, shutil, sys, zipfile
wheel, target, prefixes = sys.argv[1], os.path.realpath(sys.argv[2]), tuple(sys.argv[3:])
with zipfile.ZipFile(wheel) as archive:
    members = [m for m in archive.infolist() if m.filename.startswith(prefixes) and not m.is_dir()]
    total, done = sum(m.file_size for m in members) or 1, 0
    for member in members:
        path = os.path.realpath(os.path.join(target, member.filename))
        if os.path.commonpath([path, target]) != target:
            sys.exit('the wheel holds a file outside of its folder: ' + member.filename)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(member) as source, open(path, 'wb') as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        if member.external_attr >> 16 & 0o111:
            os.chmod(path, 0o755)
        done += member.file_size
        print('%.4f' % (done / total), flush=True)
`

/** Downloads, verifies and unpacks every wheel; the folder appears only when all of it is there. */
export async function installLibrary(
  cache: string,
  variant: NativeVariant,
  wheels: readonly Wheel[],
  options: DownloadOptions,
): Promise<void> {
  await buildFolder(libraryDir(cache, variant), async (dir) => {
    const download = join(dir, 'download')
    for (const wheel of wheels) {
      await mkdir(download)
      const file = await fetchWheel(wheel, download, options)
      await unpack(file, wheel, dir, options)
      await rm(download, { recursive: true })
    }
    const files: Record<string, number> = {}
    for (const library of LIBRARIES) {
      const path = `tensorflow/${library}`
      files[path] = (await stat(join(dir, path))).size
    }
    return {
      versions: Object.fromEntries(wheels.map((wheel) => [wheel.name, wheel.version])),
      files,
      checksums: Object.fromEntries(wheels.map((wheel) => [wheel.name, wheel.sha256])),
    }
  })
}

async function fetchWheel(
  wheel: Wheel,
  dir: string,
  { python, onProgress, signal }: DownloadOptions,
): Promise<string> {
  const detail = `${wheel.name} ${wheel.version} (${Math.round(wheel.size / 1e6)} MB)`
  onProgress({ step: 'download', detail, fraction: 0 })
  // pip writes to its temporary folder first; watching that grow gives progress with every version of pip.
  const scratch = join(dir, 'pip')
  await mkdir(scratch)
  const timer = setInterval(async () => {
    const bytes = await bytesBelow(dir)
    onProgress({ step: 'download', detail, fraction: Math.min(0.99, bytes / wheel.size) })
  }, 500)
  try {
    // The Python version only picks one of several wheels with the same library inside.
    const pip = ['-m', 'pip', 'download', '--no-deps', '--disable-pip-version-check', '--no-input']
    const which = ['--python-version', '3.11', '--platform', wheel.platform, '--only-binary=:all:']
    await mustRun(
      `pip could not download ${wheel.name} ${wheel.version}; is the package index reachable?`,
      python,
      [...pip, ...which, '-d', dir, `${wheel.name}==${wheel.version}`],
      { signal, env: { ...process.env, TMPDIR: scratch } },
    )
  } finally {
    clearInterval(timer)
  }
  const name = (await readdir(dir)).find((entry) => entry.endsWith('.whl'))
  if (!name) throw new ResourceError(`pip reported success for ${wheel.name} but left no wheel in ${dir}`)
  onProgress({ step: 'verify', detail })
  await verify(join(dir, name), wheel, signal)
  return join(dir, name)
}

/** Throws unless the file's sha256 is the pinned one. */
export async function verify(file: string, wheel: Wheel, signal?: AbortSignal): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash, { signal })
  const sha256 = hash.digest('hex')
  if (sha256 === wheel.sha256) return
  throw new BackendError(
    `${wheel.name} ${wheel.version} has sha256 ${sha256} but ${wheel.sha256} is expected: the download is damaged or not the original; nothing was installed`,
  )
}

async function unpack(
  file: string,
  wheel: Wheel,
  dir: string,
  { python, onProgress, signal }: DownloadOptions,
): Promise<void> {
  const detail = `${wheel.name} ${wheel.version}`
  onProgress({ step: 'unpack', detail, fraction: 0 })
  const onLine = (line: string) => {
    const fraction = Number(line)
    if (fraction <= 1) onProgress({ step: 'unpack', detail, fraction })
  }
  await mustRun(
    `${wheel.name} could not be unpacked into ${dir}`,
    python,
    ['-c', UNPACK, file, dir, ...UNPACKED_PREFIXES],
    { signal, onLine },
  )
}

async function bytesBelow(dir: string): Promise<number> {
  let bytes = 0
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size
  }
  return bytes
}
