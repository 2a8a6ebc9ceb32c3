// Pretrained files by directory, web address or hub name, and the checkpoints among them.

export { type Checkpoint, type OpenCheckpointOptions, openCheckpoint } from './checkpoint.ts'
export type { PretrainedFiles, PretrainedOptions } from './files.ts'
export { resolvePretrained, resolveRelative } from './resolve.ts'
