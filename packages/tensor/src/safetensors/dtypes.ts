// The element types of safetensors files: byte sizes, typed views, and the order that the Rust library sorts by.
// https://github.com/huggingface/safetensors (safetensors/src/tensor.rs)

import { InvalidArgumentError } from '../errors.ts'

/** Bytes per element, listed in the file order of the Rust library: widest alignment first. */
const byteSizes = {
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
  F32: 4,
  U32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  U16: 2,
  I16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const

/** Element type of a tensor in a safetensors file. */
export type SafetensorsDtype = keyof typeof byteSizes

/** Element types that hold real numbers a model can compute with. */
/** PyTorch's names, as a `config.json` says them. */
export const TORCH_DTYPES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const

export type FloatDtype = 'F64' | 'F32' | 'F16' | 'BF16'

/** A typed array over the elements; F16 and BF16 come as their 16-bit patterns. */
export type SafetensorsArray =
  | Float64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>

const ranks = new Map(Object.keys(byteSizes).map((dtype, rank) => [dtype, rank]))

export function isSafetensorsDtype(value: string): value is SafetensorsDtype {
  return ranks.has(value)
}

export function isFloatDtype(dtype: SafetensorsDtype): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16' || dtype === 'F64'
}

/** Bytes per element. */
export function dtypeBytes(dtype: SafetensorsDtype): number {
  return byteSizes[dtype]
}

/** Place of a dtype in the order of tensors in a file (ascending = as written). */
export function dtypeRank(dtype: SafetensorsDtype): number {
  return ranks.get(dtype)!
}

export function dtypeNames(): string {
  return Object.keys(byteSizes).join(', ')
}

/** Compares as the UTF-8 bytes do (the order of Rust and Python strings), not as UTF-16 units do. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for code points above all other 16-bit units.
    const xIsHigh = x >= 0xd800 && x <= 0xdfff
    const yIsHigh = y >= 0xd800 && y <= 0xdfff
    if (xIsHigh !== yIsHigh) return xIsHigh ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

/** Number of elements of a shape, or undefined when it passes 2^53 on the way (as the Rust library refuses overflow). */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1
  for (const size of shape) {
    count *= size
    if (count > Number.MAX_SAFE_INTEGER) return undefined
  }
  return count
}

/** A typed view of little-endian bytes; copies only when the bytes are not aligned for it. */
export function typedView(dtype: SafetensorsDtype, bytes: Uint8Array<ArrayBuffer>): SafetensorsArray {
  const size = dtypeBytes(dtype)
  const length = bytes.length / size
  if (!Number.isInteger(length)) {
    throw new InvalidArgumentError(
      `${bytes.length} bytes are not a whole number of ${size}-byte ${dtype} elements`,
    )
  }
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  const { buffer, byteOffset } = aligned
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, length)
    case 'F32':
      return new Float32Array(buffer, byteOffset, length)
    case 'C64':
      return new Float32Array(buffer, byteOffset, length * 2)
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, length)
    case 'U64':
      return new BigUint64Array(buffer, byteOffset, length)
    case 'I32':
      return new Int32Array(buffer, byteOffset, length)
    case 'U32':
      return new Uint32Array(buffer, byteOffset, length)
    case 'I16':
      return new Int16Array(buffer, byteOffset, length)
    case 'F16':
    case 'BF16':
    case 'U16':
      return new Uint16Array(buffer, byteOffset, length)
    case 'I8':
      return new Int8Array(buffer, byteOffset, length)
    default:
      return aligned
  }
}
