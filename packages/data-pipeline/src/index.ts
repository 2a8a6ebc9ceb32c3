// @ps3js/data-pipeline: streams pictures with boxes and captions from WebDatasets, deterministically, and makes such datasets.

export type {
  PipelineState,
  RawSample,
  RegionMap,
  SampleRecord,
  SkippedSample,
  TrainingSample,
} from './types.ts'
export * from './write/index.ts'
