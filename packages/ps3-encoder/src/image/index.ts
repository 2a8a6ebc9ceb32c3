// Pictures: decoding, resizing, and cutting them into normalised patches.

export * from './decode-image.ts'
export * from './grid-sizes.ts'
export * from './image-processor.ts'
export { normalizationTable, OPENAI_MEAN, OPENAI_STD } from './normalization.ts'
export { DEFAULT_LIMIT_PIXELS } from './pixels.ts'
export * from './resize.ts'
export { checkRgbImage, type RgbImage } from './rgb-image.ts'
export * from './sample-patches.ts'
