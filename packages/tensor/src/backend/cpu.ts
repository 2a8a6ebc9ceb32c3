// The pure JavaScript backend: slow, there everywhere, and the one that others are checked against.
import { registerCpuKernels } from '../kernels/cpu.ts'
import { start } from './register.ts'
import type { LoadedBackend } from './types.ts'

export async function loadCpu(): Promise<LoadedBackend> {
  await import('@tensorflow/tfjs-backend-cpu')
  registerCpuKernels()
  const backend = await start('cpu')
  // Otherwise its first tensor prints an advertisement for another backend.
  Object.assign(backend, { firstUse: false })
  return { name: 'cpu', details: {} }
}
