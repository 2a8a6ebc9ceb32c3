// TensorFlow's native library runs in Node only.
import { BackendError } from '../../errors.ts'
import type { InstallOptions, NativeStatus } from '../../native/index.ts'

const reason = "TensorFlow's native library runs in Node only; in a browser use webgpu or wasm"

export async function installNative(_options: InstallOptions = {}): Promise<NativeStatus> {
  throw new BackendError(reason)
}

export async function nativeStatus(_options: { cacheDir?: string } = {}): Promise<NativeStatus> {
  const variant = { usable: false, fused: false, reason }
  return { cacheDir: '', cpu: variant, gpu: variant }
}
