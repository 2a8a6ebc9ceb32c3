// The WebAssembly backend, with SIMD where the machine has it. Needs no install and no compiler.
// One thread: the threaded build of tfjs 4.22 starts eight workers and then computes on one (measured in Node 20
// and in a cross-origin isolated Chromium: getThreadsCount() is 1 and no worker is ever sent work).
import { env } from '@tensorflow/tfjs-core'
import { prepareWasm, withoutLoaderListeners } from '#platform'
import { BackendError } from '../errors.ts'
import { registerWasmKernels } from '../kernels/wasm.ts'
import { exportsOf } from './interop.ts'
import { isStarted, start } from './register.ts'
import type { BackendOptions, LoadedBackend } from './types.ts'

type WasmPackage = typeof import('@tensorflow/tfjs-backend-wasm')
const PLAIN = 'tfjs-backend-wasm.wasm'
const SIMD = 'tfjs-backend-wasm-simd.wasm'
const FILES = [PLAIN, SIMD, 'tfjs-backend-wasm-threaded-simd.wasm']

let configured: string | Record<string, string> | undefined

/** Says where the `.wasm` files are, before the backend is started: a folder's address or one per file name. */
export function setWasmPaths(paths: string | Record<string, string>): void {
  configured = paths
}

export async function loadWasm(options: BackendOptions): Promise<LoadedBackend> {
  const wasm: WasmPackage = exportsOf(await import('@tensorflow/tfjs-backend-wasm'))
  registerWasmKernels()
  if (isStarted('wasm')) {
    await start('wasm')
    return { name: 'wasm', details: await details() }
  }
  const simd = Boolean(await env().getAsync('WASM_HAS_SIMD_SUPPORT'))
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
  const file = simd ? SIMD : PLAIN
  const url = await prepareWasm(file, options.wasmPaths ?? configured)
  // Only one of the three is ever read, and its address is known to work by now.
  wasm.setWasmPaths(Object.fromEntries(FILES.map((name) => [name, url])))
  try {
    await withoutLoaderListeners(() => start('wasm'))
  } catch (cause) {
    throw new BackendError(`WebAssembly could not be started from ${url}: ${messageOf(cause)}`, { cause })
  }
  return { name: 'wasm', details: await details() }
}

async function details(): Promise<LoadedBackend['details']> {
  return { simd: Boolean(await env().getAsync('WASM_HAS_SIMD_SUPPORT')) }
}

function messageOf(cause: unknown): string {
  return cause !== null && typeof cause === 'object' && 'message' in cause
    ? String(cause.message)
    : String(cause)
}
