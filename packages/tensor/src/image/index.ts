// 8-bit pictures: no tensors, no backend.
export * from './resize.ts'
export { checkRgbImage, type RgbImage } from './rgb-image.ts'
