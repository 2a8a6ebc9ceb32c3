// TensorFlow's own library in Node, on the CPU or with CUDA.
import { loadNative } from '#platform'
import { start } from './register.ts'
import type { BackendOptions, LoadedBackend } from './types.ts'

export async function loadNode(options: BackendOptions, gpu: boolean): Promise<LoadedBackend> {
  const info = await loadNative({ gpu, cacheDir: options.nativeCacheDir })
  await start('tensorflow')
  const details = { tensorflowVersion: info.tensorflowVersion, fused: info.fused, gpu: info.gpu }
  if (gpu && !info.gpu) {
    return {
      name: 'node',
      details,
      instead: 'TensorFlow found no usable CUDA device and computes on the CPU',
    }
  }
  return { name: info.gpu ? 'node-gpu' : 'node', details }
}
