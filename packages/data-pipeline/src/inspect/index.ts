// Looking at datasets, and checking them.
export { contactSheet } from './contact-sheet.ts'
export { type Inspection, type InspectOptions, inspectDataset, type ShownSample } from './inspect.ts'
export {
  type DatasetProblem,
  type DatasetReport,
  type VerifyDatasetOptions,
  verifyDataset,
} from './verify-dataset.ts'
