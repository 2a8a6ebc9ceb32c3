// @ps3js/data-synth: synthetic high-resolution scenes and documents with exact boxes, captions and texts.

export {
  type CloseUp,
  type CloseUps,
  type DrawCloseUpsOptions,
  drawCloseUps,
  type Seen,
} from './close-ups.ts'
export { type DrawMarksOptions, drawMarks } from './marks.ts'
export { PICTURE_KINDS, type PictureKind, type SynthesizeOptions } from './options.ts'
export { type DrawPictureOptions, drawPicture, type SynthPicture } from './picture.ts'
export { ASKED_OF, type QuestionKind } from './question-kinds.ts'
export { type AskOptions, askQuestions, QUESTIONS_ABOUT, type SynthQuestion } from './questions.ts'
export {
  MIN_OBJECT_PIXELS,
  MIN_X_HEIGHT_PIXELS,
  minResolution,
  RESOLUTIONS,
  type Resolution,
} from './resolution.ts'
export { pictureRandom } from './seeding.ts'
export {
  COLORS as SHAPE_COLORS,
  type DrawShapesOptions,
  drawShapes,
  type ShapesPicture,
  shapeCaptions,
} from './shapes.ts'
export { synthesize } from './synthesize.ts'
export type { Box, RgbPicture, Split, SynthObject } from './types.ts'
