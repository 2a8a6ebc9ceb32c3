export * from './image/rgb-image.ts'
