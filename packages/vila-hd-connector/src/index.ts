// @ps3js/vila-hd-connector: between a vision encoder that looks closely and a language model.

export type { GridSize } from './blocks.ts'
export { type ConnectorConfig, connectorConfigOf } from './config.ts'
export { Connector, type HighResPatches, type HighResTokens, mergeBlocks } from './connector.ts'
