// Reading and writing safetensors files, from and to wherever bytes can live.

export { fileSource, writeFileAtomic } from '#platform'
export {
  type ByteSource,
  blobSource,
  bytesSource,
  type TransferProgress,
} from './byte-source.ts'
export { type SafetensorsArray, type SafetensorsDtype, TORCH_DTYPES, typedView } from './dtypes.ts'
export { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './half.ts'
export type { StoredTensorInfo } from './header.ts'
export type { HttpOptions } from './http.ts'
export { type HttpSourceOptions, httpSource } from './http-source.ts'
export type { LayoutOptions, TensorContent, TensorsToWrite, TensorToWrite } from './layout.ts'
export { openSafetensors, type ReadFloat32Options, SafetensorsFile } from './reader.ts'
export { type WriteShardedOptions, type WrittenShards, writeSharded } from './shards.ts'
export { serializeSafetensors, type WriteOptions, writeSafetensors } from './writer.ts'
