// What this package needs of the browser; the other platform's folder exports the same names.

export const platformName: 'node' | 'browser' = 'browser'

export * from './backend.ts'
export * from './download-store.ts'
export * from './files.ts'
export * from './native.ts'
