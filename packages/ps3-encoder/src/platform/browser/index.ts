// What this package needs of the browser; the other platform's folder exports the same names.

export const platformName: 'node' | 'browser' = 'browser'
export { decodeDrawable, decodeEncoded, fetchSource } from './decode.ts'
