// What a sample looks like inside a shard: `key.jpg` and `key.json`, checked before anything is written.
// Format: WebDataset (a key is the name up to its first dot), records as NVlabs/PS3 reads them.

import { ImageError, InvalidArgumentError } from '@ps3js/tensor'
import type { RawSample } from '../types.ts'

/** With an extension a name stays within the 100 bytes of a plain tar header. */
const KEY = /^[A-Za-z0-9_-]{1,90}$/

/** @throws InvalidArgumentError when a key could not be read back as it is */
export function checkKey(key: string): void {
  if (KEY.test(key)) return
  const shown = JSON.stringify(key.length > 120 ? `${key.slice(0, 117)}...` : key)
  throw new InvalidArgumentError(
    `key ${shown}: use 1 to 90 letters, digits, "-" and "_" (a dot would end the key, a slash make a folder)`,
  )
}

const SIGNATURES: readonly [extension: string, offset: number, text: string][] = [
  ['jpg', 0, '\xff\xd8\xff'],
  ['png', 0, '\x89PNG'],
  ['webp', 8, 'WEBP'],
  ['gif', 0, 'GIF8'],
  ['tiff', 0, 'II*\0'],
  ['tiff', 0, 'MM\0*'],
  ['avif', 4, 'ftypavif'],
]

/** The file extension of an encoded picture by its first bytes. @throws ImageError for anything unknown */
export function pictureExtension(key: string, picture: Uint8Array): string {
  const start = Buffer.from(picture.buffer, picture.byteOffset, Math.min(picture.byteLength, 16))
  const head = start.toString('latin1')
  const found = SIGNATURES.find(([, offset, text]) => head.startsWith(text, offset))
  if (found) return found[0]
  throw new ImageError(
    picture.byteLength === 0
      ? `sample "${key}": its picture is empty`
      : `sample "${key}": its picture is no JPEG, PNG, WebP, AVIF, GIF or TIFF file (it starts with ${start.subarray(0, 4).toString('hex')})`,
  )
}

/**
 * A record as JSON bytes. Fields beyond the reference's are kept.
 *
 * @throws InvalidArgumentError unless there is one box of x1 < x2, y1 < y2 per caption, or a global caption
 */
export function recordBytes({ key, record }: RawSample): Buffer {
  const { text = [], box = [], global_text: globalText } = record
  if (text.length !== box.length) {
    throw new InvalidArgumentError(
      `sample "${key}": ${text.length} captions (text) and ${box.length} boxes (box); give one of each per region`,
    )
  }
  if (text.length === 0 && !globalText?.length) {
    throw new InvalidArgumentError(`sample "${key}": neither a region (text, box) nor a global_text`)
  }
  for (const [i, caption] of text.entries()) {
    if (typeof caption !== 'string' || caption.trim() === '') {
      throw new InvalidArgumentError(`sample "${key}": caption ${i} (text) is empty; leave its region out`)
    }
  }
  for (const [i, one] of box.entries()) {
    const [x1, y1, x2, y2] = one as [number, number, number, number]
    if (one.length !== 4 || !one.every(Number.isFinite) || x1 < 0 || y1 < 0 || x2 <= x1 || y2 <= y1) {
      throw new InvalidArgumentError(
        `sample "${key}": box ${i} is [${one.join(', ')}]; give [x1, y1, x2, y2] in pixels with 0 <= x1 < x2 and 0 <= y1 < y2`,
      )
    }
  }
  return Buffer.from(JSON.stringify(record))
}
