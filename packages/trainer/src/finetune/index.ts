export {
  type FineTuneConfig,
  type FineTuneConfigInput,
  parseFineTuneConfig,
  printFineTuneConfig,
  readFineTuneConfig,
} from './config.ts'
export {
  type AnswerEvaluation,
  answerScalars,
  type EvaluateAnswersOptions,
  evaluateAnswers,
  spellerOf,
} from './evaluate.ts'
export type { QuestionForwardOptions, SelectionMode } from './forward.ts'
export { openAssistant, type TrainableAssistant } from './model.ts'
export { type PackedQuestions, packQuestions } from './packed-questions.ts'
export { pasteQuestions } from './paste.ts'
export {
  labelsOf,
  type QuestionBatch,
  type QuestionIds,
  type QuestionSample,
  type Speller,
  spellQuestion,
} from './rows.ts'
export { type FineTuningOptions, resumeFineTuning, startFineTuning } from './run.ts'
export { type FineTuneOptions, type FineTuneStep, fineTuneStep } from './step.ts'
export { FineTuneTask } from './task.ts'
