// Pictures: decoding, resizing, and cutting them into normalised patches.

export * from './grid-sizes.ts'
export { normalizationTable, OPENAI_MEAN, OPENAI_STD } from './normalization.ts'
export * from './rgb-image.ts'
export * from './sample-patches.ts'
