// What this package needs of Node; the other platform's folder exports the same names.

export { drawOnCanvas, rgbOf } from './draw.ts'
export { synthesize } from './synthesize.ts'
