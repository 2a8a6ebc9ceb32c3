// Installs TensorFlow's native library into the cache: the wheel's library with an addon compiled here, or, where that
// cannot be done, tfjs-node's prebuilt one. The compiled way comes first as only it brings the fused operations.
import { BackendError } from '../errors.ts'
import { compileAddon, findAddon } from './compile.ts'
import { installLibrary } from './download.ts'
import { libraryDir, nativeCacheDir, readStamp, requireTfjsNode } from './layout.ts'
import { findPrebuilt, installPrebuilt } from './prebuilt.ts'
import { findCompiler, findPython, platformProblem, requireSpace, type Toolchain } from './requirements.ts'
import { type NativeStatus, nativeStatus } from './status.ts'
import { bytesNeeded, type NativeVariant, type Wheel, wheelsFor } from './wheels.ts'

export interface InstallProgress {
  step: 'check' | 'download' | 'verify' | 'unpack' | 'compile' | 'done'
  detail: string
  /** Share of this step that is done, 0 to 1, where it is known. */
  fraction?: number
}

export interface InstallOptions {
  /** The CUDA build (Linux x64; 2.5 GB to download) instead of the CPU one. */
  gpu?: boolean
  /** `wheel`: compile against TensorFlow's wheel. `prebuilt`: tfjs-node's own. `auto`: the first that is possible. */
  source?: 'auto' | 'wheel' | 'prebuilt'
  /** Default `$PS3_CACHE/native`, else `~/.cache/ps3js/native`. */
  cacheDir?: string
  onProgress?: (progress: InstallProgress) => void
  signal?: AbortSignal
}

const COMPILE_BYTES = 50e6

/**
 * Makes TensorFlow native usable; does nothing that is already done. Throws `BackendError` that names the missing
 * tool, `ResourceError` for disk space or network. An interrupted run leaves nothing that counts.
 */
export async function installNative({
  gpu = false,
  source = 'auto',
  cacheDir,
  onProgress = () => {},
  signal,
}: InstallOptions = {}): Promise<NativeStatus> {
  signal?.throwIfAborted()
  const cache = nativeCacheDir(cacheDir)
  const variant: NativeVariant = gpu ? 'gpu' : 'cpu'
  requireTfjsNode()
  onProgress({ step: 'check', detail: cache })
  if (source === 'prebuilt' && gpu) {
    throw new BackendError(
      'tfjs-node has no prebuilt addon for a current CUDA: leave `source` out for the GPU',
    )
  }
  if (source === 'prebuilt') await prebuilt(cache, onProgress, signal)
  else if (!findAddon(cache, variant) || !readStamp(libraryDir(cache, variant))) {
    const plan = await planWheels(cache, variant, signal)
    if (plan instanceof BackendError) {
      if (source === 'wheel' || gpu) throw plan
      await prebuilt(cache, onProgress, signal).catch((cause: unknown) => {
        signal?.throwIfAborted()
        const why = cause instanceof Error ? cause.message : String(cause)
        throw new BackendError(`${plan.message}. tfjs-node's prebuilt addon is no way out here: ${why}`, {
          cause,
        })
      })
    } else {
      if (plan.wheels.length > 0) {
        await installLibrary(cache, variant, plan.wheels, { python: plan.python, onProgress, signal })
      }
      onProgress({ step: 'compile', detail: `with ${plan.compiler}, about 20 s` })
      await compileAddon(cache, variant, plan.compiler, signal)
    }
  }
  const status = await nativeStatus({ cacheDir: cache })
  onProgress({
    step: 'done',
    detail: `TensorFlow ${status[variant].tensorflowVersion} in ${cache}`,
  })
  return status
}

/** What has to be fetched and with which tools; a `BackendError` (returned) when this machine cannot. */
async function planWheels(
  cache: string,
  variant: NativeVariant,
  signal?: AbortSignal,
): Promise<(Toolchain & { wheels: Wheel[] }) | BackendError> {
  const problem = platformProblem()
  if (problem) return new BackendError(problem)
  const all = wheelsFor(variant, process.arch)
  if (all.length === 0) return new BackendError(`there is no CUDA build of TensorFlow for ${process.arch}`)
  const wheels = readStamp(libraryDir(cache, variant)) ? [] : all
  try {
    const compiler = await findCompiler({ signal })
    const python = wheels.length > 0 ? await findPython({ signal }) : ''
    await requireSpace(cache, wheels.length > 0 ? bytesNeeded(variant, wheels) : COMPILE_BYTES)
    return { compiler, python, wheels }
  } catch (error) {
    if (error instanceof BackendError && error.code === 'backend') return error
    throw error
  }
}

async function prebuilt(
  cache: string,
  onProgress: (progress: InstallProgress) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (findPrebuilt(cache)) return
  await installPrebuilt(cache, '4.22.0', onProgress, signal)
}
