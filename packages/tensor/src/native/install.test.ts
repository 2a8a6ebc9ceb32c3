// Installing without the network: a small wheel that a stand-in for pip copies, a stand-in compiler, a local server in
// place of tfjs-node's host. What goes wrong must name the remedy and leave nothing that counts.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { requireOrSkip } from '../../../../tools/test-support.ts'
import { BackendError, ResourceError } from '../errors.ts'
import { compileAddon, compilerFlags, findAddon } from './compile.ts'
import { installLibrary } from './download.ts'
import { type InstallProgress, installNative, loadNativeBackend, nativeStatus } from './index.ts'
import { addonDir, libraryDir, nativeCacheDir, readStamp } from './layout.ts'
import { platformProblem, processorLevel, requireSpace } from './requirements.ts'
import { bytesNeeded, type Wheel, wheelsFor } from './wheels.ts'

const real = await nativeStatus()
let root: string
let cache: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ps3-native-'))
  cache = join(root, 'cache')
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

function script(name: string, body: string): string {
  const file = join(root, name)
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  return file
}

/** A wheel with the files that are wanted, one that is not, and, if asked for, one that points outside. */
function smallWheel(extra: Record<string, string> = {}): { wheel: Wheel; file: string } {
  const file = join(root, 'small.whl')
  const members = {
    'tensorflow/libtensorflow_cc.so.2': 'library'.repeat(1000),
    'tensorflow/libtensorflow_framework.so.2': 'framework',
    'tensorflow/include/tensorflow/c/c_api.h': '// header',
    'tensorflow/python/unused.py': 'unused',
    ...extra,
  }
  const code =
    'import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as z:\n for k, v in json.loads(sys.argv[2]).items(): z.writestr(k, v)'
  execFileSync('python3', ['-c', code, file, JSON.stringify(members)])
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  return {
    file,
    wheel: { name: 'small', version: '1', platform: 'any', sha256, size: readFileSync(file).length },
  }
}

/** python3, but `pip download` copies a file. */
const fakePython = (wheel: string): string =>
  script(
    'python',
    `case "$*" in
  *"pip download"*) while [ "$1" != -d ]; do shift; done; cp "${wheel}" "$2/small-1-py3-none-any.whl" ;;
  *) exec python3 "$@" ;;
esac`,
  )

/** Everything below a folder that is not a folder. */
const filesBelow = (dir: string): string[] =>
  existsSync(dir)
    ? readdirSync(dir, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => entry.name)
    : []

describe('the library', () => {
  const install = (wheel: Wheel, python: string, onProgress: (p: InstallProgress) => void = () => {}) =>
    installLibrary(cache, 'cpu', [wheel], { python, onProgress })

  it('is downloaded, verified and unpacked, with progress', async () => {
    const { wheel, file } = smallWheel()
    const seen: InstallProgress[] = []
    await install(wheel, fakePython(file), (progress) => seen.push(progress))
    const dir = libraryDir(cache, 'cpu')
    expect(filesBelow(dir).sort()).toEqual(
      ['c_api.h', 'libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'stamp.json'].sort(),
    )
    expect(readStamp(dir)).toMatchObject({ versions: { small: '1' }, checksums: { small: wheel.sha256 } })
    expect(new Set(seen.map(({ step }) => step))).toEqual(new Set(['download', 'verify', 'unpack']))
    expect(seen.at(-1)).toMatchObject({ step: 'unpack', fraction: 1 })
  })

  it('does not count once it is damaged or its stamp is missing', async () => {
    const { wheel, file } = smallWheel()
    const python = fakePython(file)
    await install(wheel, python)
    const dir = libraryDir(cache, 'cpu')
    truncateSync(join(dir, 'tensorflow', 'libtensorflow_cc.so.2'), 100)
    expect(readStamp(dir)).toBeUndefined()
    await install(wheel, python)
    expect(readStamp(dir)).toBeDefined()
    rmSync(join(dir, 'stamp.json'))
    expect(readStamp(dir)).toBeUndefined()
  })

  it('leaves nothing when the checksum differs', async () => {
    const { wheel, file } = smallWheel()
    const other = { ...wheel, sha256: '0'.repeat(64) }
    const failure = install(other, fakePython(file))
    await expect(failure).rejects.toThrow(BackendError)
    await expect(failure).rejects.toThrow(/small 1 has sha256 [0-9a-f]{64} but 0{64} is expected/)
    expect(filesBelow(cache)).toEqual([])
  })

  it('leaves nothing when pip fails, and shows what pip said', async () => {
    const { wheel } = smallWheel()
    const failure = install(wheel, script('python', 'echo "ERROR: no route to host" >&2; exit 1'))
    await expect(failure).rejects.toThrow(/is the package index reachable[\s\S]*no route to host/)
    expect(filesBelow(cache)).toEqual([])
  })

  it('refuses a wheel that writes outside of its folder', async () => {
    const { wheel, file } = smallWheel({ 'nvidia/../../../escaped.txt': 'x' })
    await expect(install(wheel, fakePython(file))).rejects.toThrow('outside of its folder')
    expect(filesBelow(cache)).toEqual([])
    expect(existsSync(join(root, 'escaped.txt'))).toBe(false)
  })

  it('leaves nothing when it is cancelled, and stops at once', async () => {
    const { wheel } = smallWheel()
    const controller = new AbortController()
    const started = Date.now()
    const failure = installLibrary(cache, 'cpu', [wheel], {
      python: script('python', 'exec sleep 30'),
      onProgress: () => setTimeout(() => controller.abort(new Error('stop')), 50),
      signal: controller.signal,
    })
    await expect(failure).rejects.toThrow('stop')
    expect(Date.now() - started).toBeLessThan(10_000)
    expect(filesBelow(cache)).toEqual([])
  })
})

describe('the addon', () => {
  it('is built in a folder of its own for its sources and flags', async () => {
    const arguments_ = join(root, 'arguments')
    const compiler = script(
      'g++',
      `echo "$@" > ${arguments_}; while [ "$1" != -o ]; do shift; done; echo addon > "$2"`,
    )
    expect(findAddon(cache, 'cpu')).toBeUndefined()
    await compileAddon(cache, 'cpu', compiler)
    const addon = findAddon(cache, 'cpu')
    expect(addon).toBe(join(addonDir(cache, 'cpu', compilerFlags()), 'tfjs_binding.node'))
    expect(addonDir(cache, 'cpu', compilerFlags(3))).not.toBe(addonDir(cache, 'cpu', compilerFlags(0)))
    const line = readFileSync(arguments_, 'utf8')
    expect(line).toContain('fused-ops.cc')
    expect(line).toContain('-Wl,-rpath,$ORIGIN/../../library/cpu-')
    // Built, but there is no library yet: not usable.
    expect((await nativeStatus({ cacheDir: cache })).cpu).toMatchObject({ usable: false, fused: false })
  })

  it('shows what the compiler said and leaves nothing', async () => {
    const compiler = script('g++', 'echo "fatal error: c_api.h: No such file" >&2; exit 1')
    await expect(compileAddon(cache, 'cpu', compiler)).rejects.toThrow(/did not compile[\s\S]*No such file/)
    expect(filesBelow(cache)).toEqual([])
  })
})

describe('requirements', () => {
  it('name the missing tool and how to get it', async () => {
    vi.stubEnv('CXX', '/nowhere/g++')
    const failure = installNative({ cacheDir: cache, source: 'wheel' })
    await expect(failure).rejects.toThrow(BackendError)
    await expect(failure).rejects.toThrow(/CXX=\/nowhere\/g\+\+.*apt install g\+\+/)
    vi.stubEnv('CXX', script('g++', 'exit 0'))
    vi.stubEnv('PYTHON', '/nowhere/python3')
    await expect(installNative({ cacheDir: cache, source: 'wheel' })).rejects.toThrow(/nowhere.*python3-pip/)
    vi.stubEnv('PYTHON', script('python', 'case "$*" in *pip*) exit 1 ;; esac'))
    await expect(installNative({ cacheDir: cache, source: 'wheel' })).rejects.toThrow('has no pip')
    expect(filesBelow(cache)).toEqual([])
  })

  it('refuse a full disk and a folder that cannot be made', async () => {
    await expect(requireSpace(cache, 1e18)).rejects.toThrow(ResourceError)
    await expect(requireSpace(cache, 1e18)).rejects.toThrow(
      /GiB free and installing TensorFlow takes 931322574/,
    )
    writeFileSync(join(root, 'file'), '')
    await expect(requireSpace(join(root, 'file', 'cache'), 1)).rejects.toThrow('cannot be made')
  })

  it('tell which machines the wheels run on', () => {
    expect(platformProblem('linux', 'x64')).toBeUndefined()
    expect(platformProblem('darwin', 'arm64')).toContain('darwin')
    expect(platformProblem('linux', 'riscv64')).toContain('riscv64')
    const flags = 'avx2 fma bmi1 bmi2 f16c abm movbe'
    expect(processorLevel(`processor: 0\nflags\t\t: fpu ${flags} sse\n`)).toBe(3)
    expect(processorLevel(`flags\t\t: fpu ${flags} avx512f avx512bw avx512cd avx512dq avx512vl\n`)).toBe(4)
    expect(processorLevel(`flags\t\t: fpu ${flags.replace('fma ', '')} avx512f\n`)).toBe(0)
    expect(processorLevel('')).toBe(0)
    expect(compilerFlags(4)).toContain('-march=x86-64-v4')
    expect(compilerFlags(0).join(' ')).not.toContain('march')
  })

  it('stop when cancelled beforehand', async () => {
    await expect(installNative({ cacheDir: cache, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
    expect(existsSync(cache)).toBe(false)
  })
})

describe('wheels', () => {
  it('are pinned: one for the CPU, and CUDA libraries beside it for the GPU', () => {
    expect(wheelsFor('cpu', 'x64').map(({ name }) => name)).toEqual(['tensorflow-cpu'])
    expect(wheelsFor('cpu', 'arm64')[0]?.platform).toContain('aarch64')
    const gpu = wheelsFor('gpu', 'x64')
    expect(gpu.map(({ name }) => name).slice(0, 2)).toEqual(['tensorflow', 'nvidia-cublas-cu12'])
    expect(gpu).toHaveLength(13)
    expect(gpu.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256))).toBe(true)
    expect(new Set(gpu.map(({ sha256 }) => sha256)).size).toBe(13)
    expect(wheelsFor('gpu', 'arm64')).toEqual([])
    expect(bytesNeeded('gpu', gpu)).toBeGreaterThan(4.9e9)
  })

  it('of CUDA are unpacked beside TensorFlow, as site-packages holds them', async () => {
    const { wheel, file } = smallWheel({ 'nvidia/cudnn/lib/libcudnn.so.9': 'cudnn' })
    await installLibrary(cache, 'gpu', [wheel], { python: fakePython(file), onProgress: () => {} })
    const dir = libraryDir(cache, 'gpu')
    expect(existsSync(join(dir, 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9'))).toBe(true)
    expect(existsSync(join(dir, 'tensorflow', 'libtensorflow_cc.so.2'))).toBe(true)
  })
})

describe('the prebuilt addon', () => {
  let server: Server
  let asked: string[]
  let archive: Buffer

  beforeEach(async () => {
    mkdirSync(join(root, 'tree', 'napi-v8'), { recursive: true })
    mkdirSync(join(root, 'tree', 'lib'))
    writeFileSync(join(root, 'tree', 'napi-v8', 'tfjs_binding.node'), 'no library')
    execFileSync('tar', ['-czf', join(root, 'tree.tar.gz'), '-C', join(root, 'tree'), 'napi-v8', 'lib'])
    archive = readFileSync(join(root, 'tree.tar.gz'))
    asked = []
    server = createServer((request, response) => {
      asked.push(request.url!)
      response.end(archive)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    vi.stubEnv('TFJS_NODE_CDN_STORAGE', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    vi.stubEnv('CXX', '/nowhere/g++')
  })
  afterEach(() => void server.close())

  it('serves where no compiler is, without the fused operations; a broken one is reported', async () => {
    const status = await installNative({ cacheDir: cache })
    expect(status.cpu).toMatchObject({
      usable: true,
      source: 'prebuilt',
      fused: false,
      tensorflowVersion: '2.9.1',
    })
    expect(asked).toEqual([
      '/tf-builds/pre-built-binary/napi-v8/4.22.0/CPU-linux-4.22.0.tar.gz',
      '/tensorflow/libtensorflow/libtensorflow-cpu-linux-x86_64-2.9.1.tar.gz',
    ])
    await installNative({ cacheDir: cache, source: 'prebuilt' })
    expect(asked).toHaveLength(2)
    // This one is text.
    const failure = loadNativeBackend({ cacheDir: cache })
    await expect(failure).rejects.toThrow(BackendError)
    await expect(failure).rejects.toThrow(/does not load.*ps3 native install/s)
  })

  it('that cannot be had leaves the compiler as the remedy', async () => {
    server.close()
    const failure = installNative({ cacheDir: cache })
    await expect(failure).rejects.toThrow(
      /apt install g\+\+.*prebuilt addon is no way out here.*cannot be downloaded/s,
    )
    expect(filesBelow(cache)).toEqual([])
  })

  it('is not offered for the GPU', async () => {
    await expect(installNative({ cacheDir: cache, gpu: true })).rejects.toThrow('apt install g++')
    await expect(installNative({ cacheDir: cache, gpu: true, source: 'prebuilt' })).rejects.toThrow('CUDA')
  })
})

describe('status', () => {
  it('of an empty cache says what to run', async () => {
    const status = await nativeStatus({ cacheDir: cache })
    expect(status.cacheDir).toBe(cache)
    expect(status.cpu).toMatchObject({
      usable: false,
      reason: expect.stringContaining('`ps3 native install`'),
    })
    expect(status.gpu.reason).toContain('`ps3 native install --gpu`')
    await expect(loadNativeBackend({ cacheDir: cache, gpu: true })).rejects.toThrow(
      'ps3 native install --gpu',
    )
  })

  it('takes its place from PS3_CACHE', () => {
    vi.stubEnv('PS3_CACHE', '/somewhere')
    expect(nativeCacheDir()).toBe('/somewhere/native')
    vi.stubEnv('PS3_CACHE', '')
    expect(nativeCacheDir()).toMatch(/\.cache\/ps3js\/native$/)
  })
})

requireOrSkip(real.cpu.source === 'wheel', `repeated install: ${real.cpu.reason}`)('installing again', () => {
  it('does nothing when all is there', async () => {
    vi.stubEnv('CXX', '/nowhere/g++')
    const steps: string[] = []
    const status = await installNative({ onProgress: ({ step }) => steps.push(step) })
    expect(steps).toEqual(['check', 'done'])
    expect(status).toEqual(real)
  })
})
