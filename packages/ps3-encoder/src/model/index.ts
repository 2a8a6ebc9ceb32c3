export type { Block } from './block.ts'
export {
  type PS3Config,
  parseConfig,
  parseTextConfig,
  type TextConfig,
  type TrunkConfig,
  trunks,
  type VisionConfig,
} from './config.ts'
export {
  type EncodeOptions,
  Encoding,
  type Look,
  type LookOptions,
  type Probabilities,
  type Prompt,
  type StageTime,
} from './encoding.ts'
export { type Normalization, PictureBatch } from './picture.ts'
export { mixRows, poolingMask, type RegionMap, regionWeights } from './pooling.ts'
export { type EncoderParts, type LowResOptions, PS3Encoder, type Tokenizer } from './ps3-encoder.ts'
export {
  fromOpenClip,
  isOpenClip,
  renamedSource,
  toCheckpointName,
  toOpenClip,
  toPropertyPath,
} from './state-dict.ts'
export { LowResView, type PoolOptions } from './view.ts'
export { VisionModel } from './vision-model.ts'
