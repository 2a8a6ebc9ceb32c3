// Puts a ready backend into tfjs's registry. tfjs's own path prints to the console when a start fails and
// hides the cause; making the backend first keeps the cause and keeps the console quiet.
import {
  engine,
  findBackendFactory,
  type KernelBackend,
  registerBackend,
  setBackend,
} from '@tensorflow/tfjs-core'
import { BackendError } from '../errors.ts'
import type { TfjsBackendName } from './types.ts'

type Factory = () => KernelBackend | Promise<KernelBackend>

// tfjs forgets a factory when its backend is removed, and a package registers its own only once, at import.
const factories = new Map<TfjsBackendName, Factory>()

/** Whether tfjs holds a started backend of that name. */
export function isStarted(name: TfjsBackendName): boolean {
  return name in engine().registry
}

/** Starts a backend by its package's factory, or by `factory`, unless it is running, and switches tfjs to it. */
export async function start(name: TfjsBackendName, factory?: Factory): Promise<KernelBackend> {
  const registered = findBackendFactory(name) as Factory | null
  if (registered && !factories.has(name)) factories.set(name, registered)
  const running = engine().registry[name]
  if (running && !factory) {
    await activate(name)
    return running
  }
  const make = factory ?? factories.get(name)
  if (!make) throw new BackendError(`tfjs has no backend named "${name}": is its package loaded twice?`)
  const backend = await make()
  if (findBackendFactory(name)) engine().removeBackend(name)
  registerBackend(name, () => backend)
  await activate(name)
  return backend
}

/** Stops a backend and frees all tensors it holds; a later `start` begins anew. */
export function stop(name: TfjsBackendName): void {
  if (findBackendFactory(name)) engine().removeBackend(name)
}

async function activate(name: TfjsBackendName): Promise<void> {
  if (!(await setBackend(name))) throw new BackendError(`tfjs could not switch to its backend "${name}"`)
}
