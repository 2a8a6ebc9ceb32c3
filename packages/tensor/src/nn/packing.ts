// Matrices with fewer bits per value: half precision, and 8 or 4 bits with one factor for every 32 values of a row (as
// GGML's Q8_0 and Q4_0 do it, with float32 factors and another order of bytes). Plain arrays.

import {
  decodeBfloat16,
  decodeFloat16,
  encodeBfloat16,
  encodeFloat16,
  requireFloat16Range,
} from '../safetensors/half.ts'

/** In the order in which the native kernels count them. */
export const PACKED_FORMATS = ['bf16', 'f16', 'int8', 'int4'] as const
export type PackedFormat = (typeof PACKED_FORMATS)[number]

/** Values of a row that share a factor in int8 and int4. */
export const PACKED_GROUP = 32

/** A matrix as it lies in memory and in files. */
export interface PackedValues {
  /**
   * bf16 and f16: two bytes for each value. int8: one, signed. int4: byte j of 8 holds values j (low four bits) and j + 8
   * of 16, each plus 8. Rows of int8 and int4 are filled up with zeros to whole groups.
   */
  bytes: Uint8Array<ArrayBuffer>
  /** int8 and int4: the factor of each group, [rows, groups]. */
  scales?: Float32Array
}

export const groupsOf = (columns: number): number => Math.ceil(columns / PACKED_GROUP)

/** Bytes of a packed matrix, its factors included. */
export function packedBytes(rows: number, columns: number, format: PackedFormat): number {
  if (format === 'bf16' || format === 'f16') return rows * columns * 2
  return rows * groupsOf(columns) * (PACKED_GROUP / (format === 'int8' ? 1 : 2) + 4)
}

/**
 * Rounds a matrix [rows, columns] of finite values to a format; half precision to the nearest, ties to even.
 *
 * @throws InvalidArgumentError for a value that float16 cannot hold
 */
export function packMatrix(values: Float32Array, columns: number, format: PackedFormat): PackedValues {
  if (format === 'bf16' || format === 'f16') {
    const bits = new Uint16Array(values.length)
    if (format === 'bf16') encodeBfloat16(values, bits)
    else {
      requireFloat16Range(values, 'a matrix')
      encodeFloat16(values, bits)
    }
    return { bytes: new Uint8Array(bits.buffer) }
  }
  const rows = values.length / columns
  const groups = groupsOf(columns)
  const scales = new Float32Array(rows * groups)
  const integers = new Int8Array(rows * groups * PACKED_GROUP)
  for (let row = 0; row < rows; row++) {
    for (let g = 0; g < groups; g++) {
      const start = row * columns + g * PACKED_GROUP
      const group = values.subarray(start, Math.min(start + PACKED_GROUP, (row + 1) * columns))
      scales[row * groups + g] = roundGroup(group, format, integers, (row * groups + g) * PACKED_GROUP)
    }
  }
  if (format === 'int8') return { bytes: new Uint8Array(integers.buffer), scales }
  const bytes = new Uint8Array(integers.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const low = (i >> 3) * 16 + (i & 7)
    bytes[i] = (integers[low]! + 8) | ((integers[low + 8]! + 8) << 4)
  }
  return { bytes, scales }
}

/**
 * Writes a group's integers and returns their factor. int8 reaches from -127 to 127; int4 from -8, where the value furthest
 * from zero lies, to 7.
 */
function roundGroup(group: Float32Array, format: PackedFormat, to: Int8Array, at: number): number {
  let furthest = 0
  for (const value of group) if (Math.abs(value) > Math.abs(furthest)) furthest = value
  const scale = Math.fround(format === 'int8' ? Math.abs(furthest) / 127 : furthest / -8)
  const [least, most] = format === 'int8' ? [-127, 127] : [-8, 7]
  const inverse = scale === 0 ? 0 : 1 / scale
  for (let i = 0; i < group.length; i++) {
    to[at + i] = Math.max(least, Math.min(most, Math.round(group[i]! * inverse)))
  }
  return scale
}

/** Rows of a packed matrix as float32: [ids.length, columns]. */
export function unpackRows(
  { bytes, scales }: PackedValues,
  columns: number,
  format: PackedFormat,
  ids: ArrayLike<number>,
): Float32Array {
  const out = new Float32Array(ids.length * columns)
  if (format === 'bf16' || format === 'f16') {
    const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1)
    const decode = format === 'bf16' ? decodeBfloat16 : decodeFloat16
    for (let i = 0; i < ids.length; i++) {
      const row = bits.subarray(ids[i]! * columns, (ids[i]! + 1) * columns)
      decode(row, out.subarray(i * columns, (i + 1) * columns))
    }
    return out
  }
  const groups = groupsOf(columns)
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < ids.length; i++) {
    const start = ids[i]! * groups * PACKED_GROUP
    for (let k = 0; k < columns; k++) {
      const at = start + k
      const integer = format === 'int8' ? signed[at]! : fourBits(bytes, at)
      out[i * columns + k] = integer * scales![ids[i]! * groups + Math.floor(k / PACKED_GROUP)]!
    }
  }
  return out
}

function fourBits(bytes: Uint8Array, at: number): number {
  const byte = bytes[(at >> 4) * 8 + (at & 7)]!
  return ((at & 8) === 0 ? byte & 15 : byte >> 4) - 8
}
