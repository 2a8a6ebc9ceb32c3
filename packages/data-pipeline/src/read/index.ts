// Reading: shards of pictures and records, paired by key.
export { type Dataset, openDataset } from './dataset.ts'
export { type RawSampleOptions, rawSamples } from './raw-samples.ts'
export { openPairedShards, openShards, type ShardItem, type ShardSource } from './source.ts'
