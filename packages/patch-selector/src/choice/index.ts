// The choice: probability maps to patches under a budget. Pure functions on plain arrays; no tensors, no model.

export * from './boxes.ts'
export {
  allotPatches,
  firstScalesBudget,
  type Surplus,
  scaleBudget,
  splitBudget,
} from './budget.ts'
export * from './choose.ts'
export { type Coverage, type CoverageOptions, selectCoverage } from './coverage.ts'
export * from './ground-truth.ts'
export * from './plan.ts'
export { type Region, regionMaps } from './regions.ts'
export { areaAverage, nearestSource, resizeArea, resizeNearest } from './resample.ts'
export { availablePatches, type Constraints, type SelectOptions, selectPatches } from './select.ts'
export * from './selection.ts'
export * from './types.ts'
