// Compiles tfjs-node's addon together with our fused operations against the unpacked TensorFlow library.
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { mustRun } from './command.ts'
import {
  addonDir,
  addonSources,
  buildFolder,
  fusedSourceDir,
  libraryDir,
  napiHeadersDir,
  readStamp,
} from './layout.ts'
import { processorLevel } from './requirements.ts'
import { LIBRARIES, type NativeVariant, TENSORFLOW_VERSION } from './wheels.ts'

export const ADDON_FILE = 'tfjs_binding.node'

const COMMON = [
  '-O3',
  '-std=c++17',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-ffp-contract=fast',
  '-Wno-psabi',
]

/** Flags for this processor: older ones get plain x86-64 code, ARM its default. Not `native`: that would gain nothing more. */
export function compilerFlags(level = process.arch === 'x64' ? processorLevel() : 0): string[] {
  return [...COMMON, ...(level > 0 ? [`-march=x86-64-v${level}`] : []), '-DNAPI_VERSION=8']
}

/** The compiled addon for this processor, when it is complete. */
export function findAddon(cache: string, variant: NativeVariant): string | undefined {
  const dir = addonDir(cache, variant, compilerFlags())
  return readStamp(dir) ? join(dir, ADDON_FILE) : undefined
}

/** About 20 s. The library must be unpacked before. */
export async function compileAddon(
  cache: string,
  variant: NativeVariant,
  compiler: string,
  signal?: AbortSignal,
): Promise<void> {
  const flags = compilerFlags()
  const target = addonDir(cache, variant, flags)
  const library = join(libraryDir(cache, variant), 'tensorflow')
  await buildFolder(target, async (dir) => {
    const output = join(dir, ADDON_FILE)
    await mustRun(
      'the link to TensorFlow did not compile',
      compiler,
      [
        ...flags,
        ...['-I', join(library, 'include'), '-I', napiHeadersDir(), '-I', fusedSourceDir()],
        ...addonSources().compiled,
        ...['-o', output, '-pthread', '-L', library],
        ...LIBRARIES.map((name) => `-l:${name}`),
        // Relative, so that the cache can be moved or mounted elsewhere.
        `-Wl,-rpath,$ORIGIN/${relative(target, library)}`,
      ],
      { signal },
    )
    const sha256 = createHash('sha256')
      .update(await readFile(output))
      .digest('hex')
    return {
      versions: { tensorflow: TENSORFLOW_VERSION },
      files: { [ADDON_FILE]: (await stat(output)).size },
      checksums: { [ADDON_FILE]: sha256 },
      flags,
    }
  })
}
