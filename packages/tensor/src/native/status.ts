// What of TensorFlow native is installed, and if it cannot be used, why.
import { join } from 'node:path'
import { compilerFlags, findAddon } from './compile.ts'
import { libraryDir, nativeCacheDir, readStamp, tfjsNodeDir } from './layout.ts'
import { findPrebuilt, PREBUILT_TENSORFLOW } from './prebuilt.ts'
import { platformProblem } from './requirements.ts'
import { type NativeVariant, TENSORFLOW_VERSION } from './wheels.ts'

export interface NativeVariantStatus {
  usable: boolean
  /** Why it is not usable, and what to do. */
  reason?: string
  /** `wheel`: compiled here; `prebuilt`: tfjs-node's, downloaded here; `tfjs-node`: inside that package. */
  source?: 'wheel' | 'prebuilt' | 'tfjs-node'
  tensorflowVersion?: string
  /** Whether the fused operations are compiled in. */
  fused: boolean
  addonPath?: string
  /** The folder that holds TensorFlow's libraries. */
  libraryPath?: string
  compilerFlags?: string[]
}

export interface NativeStatus {
  cacheDir: string
  cpu: NativeVariantStatus
  gpu: NativeVariantStatus
}

/** Looks, loads nothing. */
export async function nativeStatus({ cacheDir }: { cacheDir?: string } = {}): Promise<NativeStatus> {
  const cache = nativeCacheDir(cacheDir)
  return { cacheDir: cache, cpu: variantStatus(cache, 'cpu'), gpu: variantStatus(cache, 'gpu') }
}

export function variantStatus(cache: string, variant: NativeVariant): NativeVariantStatus {
  const install = variant === 'gpu' ? 'ps3 native install --gpu' : 'ps3 native install'
  if (!tfjsNodeDir()) {
    const remedy = 'npm install @tensorflow/tfjs-node@4.22.0 --ignore-scripts'
    return { usable: false, fused: false, reason: `the package @tensorflow/tfjs-node is missing: ${remedy}` }
  }
  const library = libraryDir(cache, variant)
  const hasLibrary = readStamp(library) !== undefined
  const addonPath = hasLibrary ? findAddon(cache, variant) : undefined
  if (addonPath) {
    return {
      usable: true,
      source: 'wheel',
      tensorflowVersion: TENSORFLOW_VERSION,
      fused: true,
      addonPath,
      libraryPath: join(library, 'tensorflow'),
      compilerFlags: compilerFlags(),
    }
  }
  const prebuilt = variant === 'cpu' ? findPrebuilt(cache) : undefined
  if (prebuilt) {
    return {
      usable: true,
      source: prebuilt.source,
      tensorflowVersion: PREBUILT_TENSORFLOW,
      fused: false,
      addonPath: prebuilt.addonPath,
      libraryPath: join(prebuilt.dir, 'deps', 'lib'),
    }
  }
  return { usable: false, fused: false, reason: whyNot(hasLibrary, library, install) }
}

function whyNot(hasLibrary: boolean, library: string, install: string): string {
  if (hasLibrary) {
    return `TensorFlow is in ${library}, but the addon for this version of the sources and this processor is not compiled: run \`${install}\``
  }
  const problem = platformProblem()
  return `TensorFlow native is not installed${problem ? ` (${problem})` : ''}: run \`${install}\``
}
