// @ps3js/cli as a library: replaying recorded cases from a program of one's own.
export { directoryStore } from './verify/directory-store.ts'
export type { CaseReport, OutputReport, VerifyReport } from './verify/report.ts'
export { type VerifyOptions, verify } from './verify/run.ts'
export { type FixtureStore, httpStore } from './verify/store.ts'
