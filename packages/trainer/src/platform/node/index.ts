// What this package needs of Node; the other platform's folder exports the same names.

export * from './files.ts'
export { RunDirectory } from './run-directory.ts'
export { RunLog } from './run-log.ts'
export { shardEvaluationQuestions, shardQuestions } from './shard-questions.ts'
export { shardEvaluationSamples, shardSamples } from './shard-samples.ts'
