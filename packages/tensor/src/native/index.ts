// TensorFlow's own library (CPU or CUDA) as a backend: installing it, asking for its state, loading it. Node only.
export { type AttributeValue, executeOp } from './execute-op.ts'
export { type InstallOptions, type InstallProgress, installNative } from './install.ts'
export { loadNativeBackend, type NativeBackendInfo, type NativeLoadOptions, nodeBackend } from './load.ts'
export { type NativeStatus, type NativeVariantStatus, nativeStatus } from './status.ts'
