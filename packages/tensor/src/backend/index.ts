// Choosing what computes: backends load lazily, the choice is explained, and nothing is printed.
import { getBackend } from '@tensorflow/tfjs-core'
import { platformName } from '#platform'
import { BackendError, InvalidArgumentError } from '../errors.ts'
import { registerGradients } from '../gradients.ts'
import { loadCpu } from './cpu.ts'
import { loadNode } from './native.ts'
import { stop } from './register.ts'
import {
  BACKEND_NAMES,
  type BackendAttempt,
  type BackendChoice,
  type BackendInfo,
  type BackendName,
  type BackendOptions,
  type LoadedBackend,
  type TfjsBackendName,
} from './types.ts'
import { loadWasm } from './wasm.ts'
import { loadWebgpu } from './webgpu.ts'

export * from './tensor-data.ts'
export type {
  BackendAttempt,
  BackendChoice,
  BackendDetails,
  BackendInfo,
  BackendName,
  BackendOptions,
} from './types.ts'
export { setWasmPaths } from './wasm.ts'

const AUTO: Record<'node' | 'browser', readonly BackendName[]> = {
  node: ['node-gpu', 'node', 'wasm', 'cpu'],
  browser: ['webgpu', 'wasm', 'cpu'],
}
const TFJS_NAMES: Record<BackendName, TfjsBackendName> = {
  cpu: 'cpu',
  wasm: 'wasm',
  webgpu: 'webgpu',
  node: 'tensorflow',
  'node-gpu': 'tensorflow',
}

let current: { info: BackendInfo; release?: LoadedBackend['release'] } | undefined
let queue: Promise<unknown> = Promise.resolve()

/**
 * Loads a backend and makes it the one that computes. With `'auto'` or a list, the first usable one is taken
 * and `tried` says why those before it are not. Throws `BackendError` when none can be used.
 */
export function useBackend(
  choice: BackendChoice = 'auto',
  options: BackendOptions = {},
): Promise<BackendInfo> {
  // One after another: tfjs has one current backend, and loading takes several steps.
  const result = queue.then(() => choose(choice, options))
  queue = result.catch(() => {})
  return result
}

/** What computes now; `undefined` before `useBackend` and after `disposeBackend`. */
export function backendInfo(): BackendInfo | undefined {
  // An application may have switched tfjs by itself meanwhile.
  return current && getBackend() === current.info.tfjsName ? current.info : undefined
}

/** Stops the backend in use and frees every tensor on it. A GPU device of the application's stays as it is. */
export function disposeBackend(): Promise<void> {
  const result = queue.then(async () => {
    if (!current) return
    const { info, release } = current
    current = undefined
    stop(info.tfjsName)
    await release?.()
  })
  queue = result.catch(() => {})
  return result
}

async function choose(choice: BackendChoice, options: BackendOptions): Promise<BackendInfo> {
  const order = candidates(choice)
  const tried: BackendAttempt[] = []
  let cause: unknown
  for (const name of order) {
    options.signal?.throwIfAborted()
    try {
      const loaded = await load(name, options)
      // tfjs-node, or an application's own import of tfjs, registers tfjs's gradients over ours.
      registerGradients()
      if (loaded.instead) tried.push({ name, reason: loaded.instead })
      const info = describe(loaded, choice, tried)
      current = { info, release: loaded.release }
      options.onInfo?.(info)
      return info
    } catch (error) {
      cause = error
      tried.push({ name, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  const reasons = tried.map(({ name, reason }) => `${name}: ${reason}`).join('; ')
  throw new BackendError(`No backend can be used: ${reasons}`, { cause })
}

function candidates(choice: BackendChoice): readonly BackendName[] {
  if (choice === 'auto') return AUTO[platformName]
  const names: readonly BackendName[] = typeof choice === 'string' ? [choice] : choice
  if (names.length === 0)
    throw new InvalidArgumentError('useBackend got an empty list; name at least one backend')
  for (const name of names) {
    if (BACKEND_NAMES.includes(name)) continue
    throw new InvalidArgumentError(
      `No backend is named "${name}"; there are ${BACKEND_NAMES.join(', ')} and auto`,
    )
  }
  return names
}

function load(name: BackendName, options: BackendOptions): Promise<LoadedBackend> {
  switch (name) {
    case 'cpu':
      return loadCpu()
    case 'wasm':
      return loadWasm(options)
    case 'webgpu':
      return loadWebgpu(options)
    case 'node':
      return loadNode(options, false)
    case 'node-gpu':
      return loadNode(options, true)
  }
}

function describe(loaded: LoadedBackend, choice: BackendChoice, tried: BackendAttempt[]): BackendInfo {
  const { name, details } = loaded
  const missing = tried.map((attempt) => `${attempt.name} was not usable (${attempt.reason})`).join('; ')
  const why = missing || (choice === 'auto' ? `the best one for ${platformName}` : 'as asked for')
  const particulars = Object.entries(details).map(([key, value]) => `${key} ${value}`)
  const inBrackets = particulars.length > 0 ? ` (${particulars.join(', ')})` : ''
  return { name, tfjsName: TFJS_NAMES[name], why, tried, details, describe: `${name}${inBrackets}: ${why}` }
}
