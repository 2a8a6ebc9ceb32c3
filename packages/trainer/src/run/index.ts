export { type CaptionedPicture, collate } from './collate.ts'
export {
  parseTrainConfig,
  printTrainConfig,
  readTrainConfig,
  type TrainConfig,
  type TrainConfigInput,
  totalSteps,
} from './config.ts'
export {
  buildModel,
  type Initialization,
  initializeFrom,
  saveModel,
  type TrainableModel,
} from './model.ts'
export { resumeTraining, startTraining, type TrainingOptions } from './run-training.ts'
export type { PlacedSample, SampleSource, SourceState } from './samples.ts'
export { type RunPosition, type RunRecord, type RunSink, type TrainOptions, train } from './train.ts'
export { type StepReport, Trainer } from './trainer.ts'
