export { checkpointSource, type LoadedEncoder, type LoadOptions, loadPretrained, readConfig } from './load.ts'
export { configJson, type SaveOptions, savePretrained } from './save.ts'
