export * from './clean.ts'
export type { HfTokenizerFiles } from './hf-tokenizer.ts'
export * from './html-unescape.ts'
export * from './tokenizer.ts'
