export {
  type AdamW,
  type AdamWMoments,
  type AdamWOptions,
  type AdamWState,
  adamW,
  applyValues,
  disposeAdamW,
} from './adamw.ts'
export { clipGradients, globalNorm } from './clip.ts'
export { decays, type GroupOptions, type ParameterGroup, parameterGroups } from './groups.ts'
export { clampLogitScale } from './logit-scale.ts'
export { type ScheduleOptions, schedule } from './schedule.ts'
