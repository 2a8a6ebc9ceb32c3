export { type BoxSupervisionOptions, boxSupervisionLoss } from './box-supervision-loss.ts'
export { binaryCrossEntropy, binaryCrossEntropyAndDice, dice, type MapLoss } from './map-losses.ts'
export { type RegionGrid, type RegionMap, regionTargets } from './region-targets.ts'
