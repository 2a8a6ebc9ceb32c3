// Installing TensorFlow's native library and asking for its state; loaded only when called.
import type { InstallOptions, NativeStatus } from '../../native/index.ts'

/** Makes the backend `node` (or, with `gpu`, `node-gpu`) usable: see `InstallOptions`. Does nothing twice. */
export async function installNative(options: InstallOptions = {}): Promise<NativeStatus> {
  const native = await import('../../native/index.ts')
  return native.installNative(options)
}

/** What of TensorFlow's native library is installed, where, and why it cannot be used if it cannot. */
export async function nativeStatus(options: { cacheDir?: string } = {}): Promise<NativeStatus> {
  const native = await import('../../native/index.ts')
  return native.nativeStatus(options)
}
