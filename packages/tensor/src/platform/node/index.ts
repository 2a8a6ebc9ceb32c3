// What this package needs of Node; the other platform's folder exports the same names.

export const platformName: 'node' | 'browser' = 'node'

export * from './atomic-file.ts'
export * from './backend.ts'
export * from './directory-place.ts'
export * from './download-store.ts'
export { fileError } from './file-errors.ts'
export * from './file-source.ts'
export * from './native.ts'
export * from './output-lock.ts'
