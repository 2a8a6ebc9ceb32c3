// @ps3js/vila-hd: answers questions about pictures of up to 4K, looking closely where the question asks to.

export { PictureAssistant, stopIdsOf, tokenIds } from './assistant.ts'
export {
  type AnswerPiece,
  type AskOptions,
  type ChatParts,
  PICTURE_TAG,
  PictureChat,
  type QuestionPart,
} from './chat.ts'
export type { LookMode, PromptState, VilaHdConfig } from './config.ts'
export { highResFeatures, type LowResFeatures, lowResFeatures } from './features.ts'
export { type LoadVilaHdOptions, loadVilaHd } from './load.ts'
export type { PictureLookOptions } from './look.ts'
export { type VilaHdMemory, vilaHdMemory } from './memory.ts'
export type { Picture, PictureLook } from './picture.ts'
export {
  type AnswerOptions,
  type AnswerStage,
  type PictureQuestion,
  PictureReader,
  type TokenCounts,
} from './reader.ts'
export { type SaveVilaHdOptions, saveVilaHd } from './save.ts'
export { alignLabels, buildSequence, countRows, questionRange, type Segment } from './sequence.ts'
export { type PictureTokens, VilaHd, type VilaHdParts } from './vila-hd.ts'
