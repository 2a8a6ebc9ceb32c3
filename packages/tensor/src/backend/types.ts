// What a backend is called, how one is asked for, and what is known about the one in use.

/** The ways of computing: pure JavaScript, WebAssembly, TensorFlow's native library (CPU or CUDA), WebGPU. */
export type BackendName = 'cpu' | 'wasm' | 'node' | 'node-gpu' | 'webgpu'

/** Every backend's name, slowest first. */
export const BACKEND_NAMES: readonly BackendName[] = ['cpu', 'wasm', 'webgpu', 'node', 'node-gpu']

/** One backend, several in order of preference, or the best that is there. */
export type BackendChoice = 'auto' | BackendName | readonly BackendName[]

export interface BackendOptions {
  /** webgpu: a device that the application owns. It is used as it is and never destroyed here. */
  device?: GPUDevice
  /** wasm: the folder (ending in a slash) or the map of file names to addresses of the `.wasm` files. */
  wasmPaths?: string | Record<string, string>
  /** node, node-gpu: where `ps3 native install` put TensorFlow, when not in its default place. */
  nativeCacheDir?: string
  /** Called once with what was chosen and why. */
  onInfo?: (info: BackendInfo) => void
  /** Stops between attempts. */
  signal?: AbortSignal
}

/** A backend that was preferred but cannot be used, and the reason. */
export interface BackendAttempt {
  name: BackendName
  reason: string
}

/** What computes, and why it and not a better one. */
export interface BackendInfo {
  name: BackendName
  /** The name under which tfjs's registries know it. */
  tfjsName: TfjsBackendName
  why: string
  tried: BackendAttempt[]
  /** One line for people: the backend, its particulars and the reason. */
  describe: string
  /** Particulars, such as `simd`, `adapter`, `tensorflowVersion`. */
  details: BackendDetails
}

export type TfjsBackendName = 'cpu' | 'wasm' | 'tensorflow' | 'webgpu'
export type BackendDetails = Record<string, string | number | boolean>

/** What a loader gives back once tfjs knows its backend and can be switched to it. */
export interface LoadedBackend {
  name: BackendName
  details: BackendDetails
  /** Set when the backend given is not quite the one asked for. */
  instead?: string
  /** Frees what this package made for it, after tfjs let go of it. */
  release?: () => void | Promise<void>
}
