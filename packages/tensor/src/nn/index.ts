export { alignedFloat32 } from './aligned.ts'
export { type DecoderLayerOptions, type DecoderLayerWeights, decoderLayer } from './decoder-layer.ts'
export { LayerNorm } from './layer-norm.ts'
export { Linear } from './linear.ts'
export { Mlp, type MlpOptions } from './mlp.ts'
export { type LoadOptions, Module, type StateSource, stateDictSource } from './module.ts'
export { PackedParameter } from './packed-parameter.ts'
export {
  groupsOf,
  PACKED_FORMATS,
  PACKED_GROUP,
  type PackedFormat,
  type PackedValues,
  packedBytes,
  packMatrix,
  unpackRows,
} from './packing.ts'
export {
  constantInitializer,
  type Initializer,
  normalInitializer,
  onesInitializer,
  Parameter,
  requireFinite,
  type StoredMatrix,
  zerosInitializer,
} from './parameter.ts'
export { PatchProjection } from './patch-projection.ts'
