// The WebAssembly backend: SIMD, and threads where shared memory is there. Needs no install and no compiler.
import { env } from '@tensorflow/tfjs-core'
import { prepareWasm, wasmThreads } from '#platform'
import { BackendError } from '../errors.ts'
import { registerWasmKernels } from '../kernels/wasm.ts'
import { exportsOf } from './interop.ts'
import { isStarted, start } from './register.ts'
import type { BackendOptions, LoadedBackend } from './types.ts'

type WasmPackage = typeof import('@tensorflow/tfjs-backend-wasm')
const FILES = [
  'tfjs-backend-wasm.wasm',
  'tfjs-backend-wasm-simd.wasm',
  'tfjs-backend-wasm-threaded-simd.wasm',
]

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
    return { name: 'wasm', details: await details(wasm) }
  }
  const simd = Boolean(await env().getAsync('WASM_HAS_SIMD_SUPPORT'))
  const threads = simd ? await wasmThreads(options.threads) : 1
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', threads > 1)
  const file = threads > 1 ? FILES[2]! : simd ? FILES[1]! : FILES[0]!
  const { url, cleanUp } = await prepareWasm(file, options.wasmPaths ?? configured)
  // Only one of the three is ever read, and its address is known to work by now.
  wasm.setWasmPaths(Object.fromEntries(FILES.map((name) => [name, url])))
  wasm.setThreadsCount(threads)
  try {
    await start('wasm')
  } catch (cause) {
    throw new BackendError(`WebAssembly could not be started from ${url}: ${messageOf(cause)}`, { cause })
  } finally {
    cleanUp?.()
  }
  return { name: 'wasm', details: await details(wasm) }
}

async function details(wasm: WasmPackage): Promise<LoadedBackend['details']> {
  const threaded = Boolean(await env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT'))
  return {
    simd: Boolean(await env().getAsync('WASM_HAS_SIMD_SUPPORT')),
    threads: threaded ? wasm.getThreadsCount() : 1,
  }
}

function messageOf(cause: unknown): string {
  return cause !== null && typeof cause === 'object' && 'message' in cause
    ? String(cause.message)
    : String(cause)
}
