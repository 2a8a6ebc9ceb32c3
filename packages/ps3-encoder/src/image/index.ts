// Pictures: decoding, resizing, and cutting them into normalised patches.

export {
  checkRgbImage,
  type Interpolation,
  type ResizeOptions,
  type RgbImage,
  resize,
  resizeBicubic,
  resizeBilinear,
} from '@ps3js/tensor'
export * from './decode-image.ts'
export * from './grid-sizes.ts'
export * from './image-processor.ts'
export { normalizationTable, OPENAI_MEAN, OPENAI_STD } from './normalization.ts'
export { DEFAULT_LIMIT_PIXELS } from './pixels.ts'
export * from './sample-patches.ts'
