// What the backends need of Node: TensorFlow's library, the .wasm files inside their package, Dawn for WebGPU.
import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BackendError } from '../../errors.ts'
import type { NativeBackendInfo, NativeLoadOptions } from '../../native/index.ts'

/** Loads TensorFlow's native library; rejects with what to install when it is not there. */
export async function loadNative(options: NativeLoadOptions): Promise<NativeBackendInfo> {
  const { loadNativeBackend } = await import('../../native/index.ts')
  return loadNativeBackend(options)
}

/** The file's path, checked to be there. Without `paths` it is the one inside tfjs's package. */
export async function prepareWasm(file: string, paths?: string | Record<string, string>): Promise<string> {
  const place =
    typeof paths === 'string' ? `${paths}${file}` : (paths?.[file] ?? join(packageDir(), 'dist', file))
  const url = place.startsWith('file:') ? fileURLToPath(place) : place
  await access(url).catch((cause) => {
    throw new BackendError(
      `${url} cannot be read: reinstall @tensorflow/tfjs-backend-wasm or correct wasmPaths`,
      { cause },
    )
  })
  return url
}

/**
 * Runs `start` and takes away the process listeners that the WebAssembly loader leaves behind: they throw again what
 * they are told of, and so override an application's own handling.
 */
export async function withoutLoaderListeners<T>(start: () => Promise<T>): Promise<T> {
  const events = ['uncaughtException', 'unhandledRejection']
  const before = events.map((event) => new Set(process.rawListeners(event)))
  try {
    return await start()
  } finally {
    for (const [i, event] of events.entries()) {
      for (const listener of process.rawListeners(event)) {
        const added = !before[i]!.has(listener)
        if (added && /throw (ex|reason)/.test(String(listener))) process.off(event, listener as () => void)
      }
    }
  }
}

/** `navigator.gpu`, from Node's own or from the npm package `webgpu` (Dawn). */
export async function prepareWebgpu(): Promise<GPU> {
  if (globalThis.navigator?.gpu) return globalThis.navigator.gpu
  const dawn = await import('webgpu').catch((cause) => {
    throw new BackendError('WebGPU in Node needs the package `webgpu`: npm install webgpu', { cause })
  })
  Object.assign(globalThis, dawn.globals)
  const gpu = dawn.create([])
  if (!globalThis.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true })
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true })
  return gpu
}

function packageDir(): string {
  return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'))
}
