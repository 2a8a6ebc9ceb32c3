// Pictures: decoding, resizing, and cutting them into normalised patches.

export * from './grid-sizes.ts'
export * from './rgb-image.ts'
