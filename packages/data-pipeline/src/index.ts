// @ps3js/data-pipeline: streams pictures with boxes and captions from WebDatasets, deterministically, and makes such datasets.

export * from './engine/index.ts'
export * from './inspect/index.ts'
export * from './read/index.ts'
export * from './sample/index.ts'
export * from './stream/index.ts'
export type {
  PipelineState,
  RawSample,
  RegionMap,
  SampleQuestion,
  SampleRecord,
  SkippedSample,
  TrainingSample,
} from './types.ts'
export * from './write/index.ts'
