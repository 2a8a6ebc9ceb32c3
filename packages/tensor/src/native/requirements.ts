// What installing needs of the machine, checked before anything is downloaded.
import { readFileSync } from 'node:fs'
import { mkdir, statfs } from 'node:fs/promises'
import { BackendError, ResourceError } from '../errors.ts'
import { type CommandOptions, runCommand } from './command.ts'

const GIB = 1024 ** 3
/** The wheels are built for this glibc or a later one. */
const GLIBC_NEEDED = [2, 27] as const

export interface Toolchain {
  python: string
  compiler: string
}

/** Why the wheels cannot be used on this kind of machine; undefined when they can. */
export function platformProblem(platform = process.platform, arch = process.arch): string | undefined {
  if (platform !== 'linux')
    return `TensorFlow's wheels hold a usable C library for Linux only, and this is ${platform}`
  if (arch !== 'x64' && arch !== 'arm64') return `there is no TensorFlow wheel for the processor ${arch}`
  const glibc = glibcVersion()
  if (!glibc)
    return 'TensorFlow needs glibc, and this Linux uses another C library (Alpine: take a Debian image)'
  const [major = 0, minor = 0] = glibc.split('.').map(Number)
  if (major < GLIBC_NEEDED[0] || (major === GLIBC_NEEDED[0] && minor < GLIBC_NEEDED[1])) {
    return `TensorFlow needs glibc ${GLIBC_NEEDED.join('.')} or later, and this machine has ${glibc}`
  }
  return undefined
}

function glibcVersion(): string | undefined {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header?.glibcVersionRuntime
}

/** `$PYTHON` or python3, able to run pip. */
export async function findPython(options: CommandOptions = {}): Promise<string> {
  const python = process.env.PYTHON || 'python3'
  if ((await runCommand(python, ['--version'], options)).code !== 0) {
    throw new BackendError(
      `${python} was not found; it fetches TensorFlow's wheel. Install Python 3 with pip (Debian: apt install python3 python3-pip) or set PYTHON`,
    )
  }
  if ((await runCommand(python, ['-m', 'pip', '--version'], options)).code !== 0) {
    throw new BackendError(
      `${python} has no pip; it fetches TensorFlow's wheel. Install it (Debian: apt install python3-pip; else: ${python} -m ensurepip)`,
    )
  }
  return python
}

/** `$CXX`, g++, c++ or clang++: the first that runs. */
export async function findCompiler(options: CommandOptions = {}): Promise<string> {
  const asked = process.env.CXX
  for (const compiler of asked ? [asked] : ['g++', 'c++', 'clang++']) {
    if ((await runCommand(compiler, ['--version'], options)).code === 0) return compiler
  }
  throw new BackendError(
    `no C++ compiler was found (${asked ? `CXX=${asked}` : 'g++, c++, clang++'}); it builds the link to TensorFlow. Install one (Debian: apt install g++) or set CXX`,
  )
}

/** Throws `ResourceError` unless the folder's file system has that many bytes free. */
export async function requireSpace(dir: string, bytes: number): Promise<void> {
  await mkdir(dir, { recursive: true }).catch((cause) => {
    throw new ResourceError(
      `the cache folder ${dir} cannot be made: give another one (--cache or PS3_CACHE)`,
      { cause },
    )
  })
  const { bavail, bsize } = await statfs(dir)
  const free = bavail * bsize
  if (free < bytes) {
    throw new ResourceError(
      `${dir} has ${(free / GIB).toFixed(1)} GiB free and installing TensorFlow takes ${(bytes / GIB).toFixed(1)}: free some or give another folder (--cache or PS3_CACHE)`,
    )
  }
}

/** What the levels of x86-64 ask for beyond the one before. */
const LEVELS = {
  /** Intel since 2013, AMD since 2015. */
  3: ['avx2', 'fma', 'bmi1', 'bmi2', 'f16c', 'abm', 'movbe'],
  /** Most servers since 2017, AMD since 2022. */
  4: ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
}

/** Which level of x86-64 code this processor runs: 3 has AVX2 and FMA, 4 AVX-512; 0 stands for all others. */
export function processorLevel(cpuinfo = readCpuinfo()): 0 | 3 | 4 {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/))
  const has = (features: string[]) => features.every((feature) => flags.has(feature))
  if (!has(LEVELS[3])) return 0
  return has(LEVELS[4]) ? 4 : 3
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
