// @ps3js/data-synth: synthetic high-resolution scenes and documents with exact boxes, captions and texts.

export { PICTURE_KINDS, type PictureKind, type SynthesizeOptions } from './options.ts'
export { type DrawPictureOptions, drawPicture, type SynthPicture } from './picture.ts'
export { MIN_OBJECT_PIXELS, MIN_X_HEIGHT_PIXELS, minResolution } from './resolution.ts'
export { pictureRandom } from './seeding.ts'
export { type DrawShapesOptions, drawShapes, type ShapesPicture, shapeCaptions } from './shapes.ts'
export { synthesize } from './synthesize.ts'
export type { Box, RgbPicture, Split, SynthObject } from './types.ts'
