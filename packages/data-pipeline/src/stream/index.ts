// Streaming training samples.
export { type TrainingSamplesOptions, type TrainingStream, trainingSamples } from './training-samples.ts'
