// What the backends need of a browser: where the .wasm files are, the GPU.
import { BackendError } from '../../errors.ts'
import type { NativeBackendInfo, NativeLoadOptions } from '../../native/index.ts'

/** There is none in a browser. */
export async function loadNative(_options: NativeLoadOptions): Promise<NativeBackendInfo> {
  throw new BackendError("TensorFlow's native library runs in Node only; in a browser use webgpu or wasm")
}

/** The file's address, checked to answer with WebAssembly. Without `paths` it lies beside the script. */
export async function prepareWasm(file: string, paths?: string | Record<string, string>): Promise<string> {
  const given = typeof paths === 'string' ? `${paths}${file}` : (paths?.[file] ?? file)
  const base = paths === undefined ? import.meta.url : globalThis.document?.baseURI
  const url = new URL(given, base).href
  const remedy =
    'copy the .wasm files of @tensorflow/tfjs-backend-wasm/dist there or call setWasmPaths(folder)'
  let start: Uint8Array | undefined
  try {
    const response = await fetch(url, { credentials: 'same-origin' })
    if (!response.ok) throw new BackendError(`${url} answered ${response.status}: ${remedy}`)
    const reader = response.body?.getReader()
    start = (await reader?.read())?.value
    await reader?.cancel()
  } catch (cause) {
    if (cause instanceof BackendError) throw cause
    throw new BackendError(`${url} cannot be fetched: ${remedy}`, { cause })
  }
  // "\0asm"; single-page servers answer with their index page for a file that is missing.
  if (start?.[0] !== 0 || start[1] !== 0x61 || start[2] !== 0x73 || start[3] !== 0x6d) {
    throw new BackendError(`${url} is not a WebAssembly file: ${remedy}`)
  }
  return url
}

/** Nothing is left behind in a browser. */
export function withoutLoaderListeners<T>(start: () => Promise<T>): Promise<T> {
  return start()
}

/** `navigator.gpu`. */
export async function prepareWebgpu(): Promise<GPU> {
  const gpu = globalThis.navigator?.gpu
  if (gpu) return gpu
  throw new BackendError(
    'this browser has no WebGPU (or the page is not served over https or from localhost)',
  )
}
