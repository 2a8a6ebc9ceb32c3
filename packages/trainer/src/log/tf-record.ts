// TFRecord framing: length, its checksum, the record, its checksum, all little-endian.
// Format: tensorflow/core/lib/io/record_writer.h.

import { maskedCrc32c } from './crc32c.ts'

const HEADER_BYTES = 12
const FOOTER_BYTES = 4

/** One framed record. */
export function frameRecord(record: Uint8Array): Uint8Array {
  const framed = new Uint8Array(HEADER_BYTES + record.length + FOOTER_BYTES)
  const view = new DataView(framed.buffer)
  view.setBigUint64(0, BigInt(record.length), true)
  view.setUint32(8, maskedCrc32c(framed.subarray(0, 8)), true)
  framed.set(record, HEADER_BYTES)
  view.setUint32(HEADER_BYTES + record.length, maskedCrc32c(record), true)
  return framed
}

/** A record and where its frame ends. */
export interface FramedRecord {
  record: Uint8Array
  end: number
}

/** The whole, undamaged records from the start of a file; it stops at the first that is neither. */
export function* readRecords(bytes: Uint8Array): Generator<FramedRecord> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let start = 0; start + HEADER_BYTES <= bytes.length; ) {
    const length = Number(view.getBigUint64(start, true))
    const end = start + HEADER_BYTES + length + FOOTER_BYTES
    if (end > bytes.length) return
    if (view.getUint32(start + 8, true) !== maskedCrc32c(bytes.subarray(start, start + 8))) return
    const record = bytes.subarray(start + HEADER_BYTES, end - FOOTER_BYTES)
    if (view.getUint32(end - FOOTER_BYTES, true) !== maskedCrc32c(record)) return
    yield { record, end }
    start = end
  }
}
