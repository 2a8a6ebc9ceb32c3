// What this package needs of Node; the other platform's folder exports the same names.

export const platformName: 'node' | 'browser' = 'node'
export { decodeDrawable, decodeEncoded, fetchSource } from './decode.ts'
