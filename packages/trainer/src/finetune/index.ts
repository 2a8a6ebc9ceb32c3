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
} from './evaluate.ts'
export type { QuestionForwardOptions, SelectionMode } from './forward.ts'
export { pasteQuestions } from './paste.ts'
export { type QuestionBatch, type QuestionIds, type QuestionSample, spellQuestion } from './rows.ts'
export { type FineTuningOptions, resumeFineTuning, startFineTuning } from './run.ts'
export { type FineTuneOptions, type FineTuneStep, fineTuneStep } from './step.ts'
export { FineTuneTask } from './task.ts'
