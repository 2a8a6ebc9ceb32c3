export { alignedFloat32 } from './aligned.ts'
export { LayerNorm } from './layer-norm.ts'
export { Linear } from './linear.ts'
export { Mlp, type MlpOptions } from './mlp.ts'
export { type LoadOptions, Module, type StateSource, stateDictSource } from './module.ts'
export {
  constantInitializer,
  type Initializer,
  normalInitializer,
  onesInitializer,
  Parameter,
  zerosInitializer,
} from './parameter.ts'
export { PatchProjection } from './patch-projection.ts'
