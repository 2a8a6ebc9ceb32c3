export { type CaptionedPicture, collate } from './collate.ts'
export {
  parseTrainConfig,
  printTrainConfig,
  readTrainConfig,
  type TrainConfig,
  type TrainConfigInput,
} from './config.ts'
export {
  buildModel,
  type Initialization,
  initializeFrom,
  saveModel,
  type TrainableModel,
} from './model.ts'
export { type RunConfig, totalSteps } from './run-config.ts'
export type { RunOptions } from './run-in-folder.ts'
export { resumeTraining, startTraining, type TrainingOptions } from './run-training.ts'
export type { PlacedSample, SampleSource, SourceState } from './samples.ts'
export type { StepLosses, StepWork, TaskStep, TrainingTask } from './task.ts'
export { type RunPosition, type RunRecord, type RunSink, type TrainOptions, train } from './train.ts'
export { type StepReport, Trainer } from './trainer.ts'
