export { HighResFeatures, type HighResFeaturesConfig, SELECTION_IMAGE_SIZE } from './high-res-features.ts'
export { probabilityMaps } from './probability-maps.ts'
export {
  type SelectionFeatures,
  SelectionHead,
  type SelectionHeadConfig,
  type SelectionInput,
} from './selection-head.ts'
