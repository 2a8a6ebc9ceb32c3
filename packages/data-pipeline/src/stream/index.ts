// Streaming training samples.

export { type EpochOptions, type Place as ShardPlace, type Shuffled, shuffledEpoch } from './shuffle.ts'
export { type TrainingSamplesOptions, type TrainingStream, trainingSamples } from './training-samples.ts'
