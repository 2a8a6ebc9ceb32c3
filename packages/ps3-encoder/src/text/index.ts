export * from './clean.ts'
export * from './html-unescape.ts'
