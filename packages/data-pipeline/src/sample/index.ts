// From records and pictures to training samples, each choice drawn through `Draws`.
export { type Box, cropBox, regionMap, resizeBox } from './boxes.ts'
export { filterCaption, maskSentences, mergeCaptions } from './captions.ts'
export { chooseCaptions } from './choose.ts'
export { type Crop, type CropRange, drawCrop, PS3_CROP } from './crop.ts'
export type { Draws } from './draws.ts'
export type { SampleOptions } from './make-sample.ts'
