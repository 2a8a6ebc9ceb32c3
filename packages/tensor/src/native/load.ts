// Loads TensorFlow's native library into this process through tfjs-node's JavaScript and our addon.
import { createRequire } from 'node:module'
import util from 'node:util'
import { engine, env, findBackend, findBackendFactory, getBackend, setBackend } from '@tensorflow/tfjs-core'
import { BackendError } from '../errors.ts'
import { registerFusedKernels } from './kernels.ts'
import { nativeCacheDir } from './layout.ts'
import { registerMatMulBf16 } from './matmul-bf16.ts'
import { variantStatus } from './status.ts'
import type { NodeBackend } from './tfjs-node.ts'

export interface NativeLoadOptions {
  /** Load the CUDA build instead of the CPU one. */
  gpu?: boolean
  /** Where `installNative` put the files; default `$PS3_CACHE/native` or `~/.cache/ps3js/native`. */
  cacheDir?: string
}

export interface NativeBackendInfo {
  tensorflowVersion: string
  /** Whether the fused operations are in use. */
  fused: boolean
  /** Whether TensorFlow computes on a GPU; false with the CUDA build when it found no device. */
  gpu: boolean
}

interface Loaded extends NativeBackendInfo {
  variant: 'cpu' | 'gpu'
}

// One TensorFlow per process: its libraries cannot be unloaded, and registering our operations twice aborts. The
// symbol also covers a second copy of this package.
const LOADED = Symbol.for('@ps3js/native')
const shared = globalThis as { [LOADED]?: Loaded }

/**
 * Registers the tfjs backend 'tensorflow' with TensorFlow's native library and the fused kernels, and leaves tfjs's
 * current backend as it was. Throws `BackendError` with the remedy when it is not installed or does not load.
 */
export async function loadNativeBackend({
  gpu = false,
  cacheDir,
}: NativeLoadOptions = {}): Promise<NativeBackendInfo> {
  const before = shared[LOADED]
  if (before) return infoOf(before, gpu)
  const status = variantStatus(nativeCacheDir(cacheDir), gpu ? 'gpu' : 'cpu')
  if (!status.usable || !status.addonPath)
    throw new BackendError(status.reason ?? 'TensorFlow native is not installed')
  setEnvironment()
  const tensorflowVersion = status.tensorflowVersion ?? 'unknown'
  const active = getBackend()
  try {
    requireTfjsNode(status.addonPath)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const remedy = `install it anew with \`ps3 native install${gpu ? ' --gpu' : ''}\``
    throw new BackendError(
      `TensorFlow ${tensorflowVersion} at ${status.addonPath} does not load (${why}): ${remedy}`,
      {
        cause,
      },
    )
  }
  if (!findBackendFactory('tensorflow')) {
    throw new BackendError(
      'tfjs-node brought its own copy of tfjs-core, of another version than ours: install one version only (4.22.0)',
    )
  }
  const backend = findBackend('tensorflow') as unknown as NodeBackend
  if (active && active !== 'tensorflow') await setBackend(active)
  const usesGpu = backend.binding.isUsingGpuDevice()
  // The fused operations exist for the CPU only: on a GPU they would copy every tensor there and back.
  const fused = status.fused && !usesGpu
  if (fused) registerFusedKernels()
  registerMatMulBf16()
  const loaded: Loaded = { variant: gpu ? 'gpu' : 'cpu', tensorflowVersion, fused, gpu: usesGpu }
  shared[LOADED] = loaded
  return infoOf(loaded, gpu)
}

function infoOf({ variant, tensorflowVersion, fused, gpu }: Loaded, wantsGpu: boolean): NativeBackendInfo {
  if (wantsGpu && variant === 'cpu') {
    throw new BackendError(
      'the CPU build of TensorFlow is already loaded; a process takes one: start anew for the GPU',
    )
  }
  return { tensorflowVersion, fused, gpu }
}

/** Has to happen before TensorFlow's library is loaded, which reads these once. What the user set stays. */
function setEnvironment(): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  // TensorFlow enables oneDNN by itself only on newer processors; without it erf is 4x slower (pooled buffers).
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1'
}

/** Node's `util` with two helpers that tfjs-node 4.22 calls: Node 23 removed one, and the other warns. */
const utilForTfjsNode: object = Object.create(util, {
  isNullOrUndefined: { value: (value: unknown) => value === null || value === undefined },
  isArray: { value: Array.isArray },
})

type ModuleLoad = (request: string, parent: { filename?: string } | undefined, isMain: boolean) => unknown

/** Requires tfjs-node: its search for the addon finds ours, and neither tfjs nor Node prints notices about it. */
function requireTfjsNode(addonPath: string): void {
  const require = createRequire(import.meta.url)
  const loader = require('node:module') as { _load: ModuleLoad }
  const load = loader._load
  const flags = env().getFlags()
  const quiet = flags.PROD
  loader._load = function (request, parent, isMain) {
    if (request === '@mapbox/node-pre-gyp') return { find: () => addonPath }
    if (request === 'util' && parent?.filename?.includes('tfjs-node')) return utilForTfjsNode
    return load.call(this, request, parent, isMain)
  }
  // tfjs-node brings the union package, which registers every kernel of the other backends once more.
  env().set('PROD', true)
  try {
    require('@tensorflow/tfjs-node')
  } finally {
    loader._load = load
    env().set('PROD', quiet ?? false)
  }
}

/** The engine's backend, for what tfjs's interface does not offer. Throws `BackendError` unless it is active. */
export function nodeBackend(): NodeBackend {
  if (getBackend() !== 'tensorflow') {
    throw new BackendError(`TensorFlow native is needed here, but tfjs computes on '${getBackend()}'`)
  }
  return engine().backend as unknown as NodeBackend
}
