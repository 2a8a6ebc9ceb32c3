// @ps3js/data-pipeline: streams pictures with boxes and captions from WebDatasets, deterministically, and makes such datasets.

export type { RawSample } from './types.ts'
export * from './write/index.ts'
