// float16 and bfloat16 to and from float32, rounding to nearest, ties to even, as numpy and PyTorch round.
// IEEE 754-2019 section 3.6 (binary16); bfloat16 is the upper half of a binary32.

import { InvalidArgumentError } from '../errors.ts'

let halfTable: Uint32Array | undefined

/** The float32 bit pattern of every float16, built once (256 KiB). */
function halfToFloatBits(): Uint32Array {
  if (halfTable) return halfTable
  const table = new Uint32Array(65536)
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16
    const exponent = (half >>> 10) & 31
    let fraction = half & 0x3ff
    if (exponent === 31) {
      table[half] = sign | 0x7f800000 | (fraction << 13)
    } else if (exponent > 0) {
      table[half] = sign | ((exponent + 112) << 23) | (fraction << 13)
    } else if (fraction === 0) {
      table[half] = sign
    } else {
      let power = 113
      while ((fraction & 0x400) === 0) {
        fraction <<= 1
        power--
      }
      table[half] = sign | (power << 23) | ((fraction & 0x3ff) << 13)
    }
  }
  halfTable = table
  return table
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}

/** Exact. `target` must be as long as `source`. */
export function decodeFloat16(source: Uint16Array, target: Float32Array): void {
  const table = halfToFloatBits()
  const bits = bitsOf(target)
  for (let i = 0; i < source.length; i++) bits[i] = table[source[i]!]!
}

/** Exact. `target` must be as long as `source`. */
export function decodeBfloat16(source: Uint16Array, target: Float32Array): void {
  const bits = bitsOf(target)
  for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16
}

/** Beyond 65,520 becomes infinity, below 2^-25 zero; NaN stays NaN. `target` must be as long as `source`. */
export function encodeFloat16(source: Float32Array, target: Uint16Array): void {
  const bits = bitsOf(source)
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i]!
    const sign = (value >>> 16) & 0x8000
    const magnitude = value & 0x7fffffff
    if (magnitude >= 0x38800000 && magnitude < 0x477ff000) {
      const rebiased = magnitude - 0x38000000
      target[i] = sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13)
    } else if (magnitude > 0x7f800000) {
      target[i] = sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff)
    } else if (magnitude >= 0x477ff000) {
      target[i] = sign | 0x7c00
    } else if (magnitude <= 0x33000000) {
      target[i] = sign
    } else {
      // Subnormal: the 24-bit significand moves right until its unit is 2^-24.
      const shift = 126 - (magnitude >>> 23)
      const significand = (magnitude & 0x7fffff) | 0x800000
      const kept = significand >>> shift
      const rest = significand & ((1 << shift) - 1)
      const half = 1 << (shift - 1)
      target[i] = sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0))
    }
  }
}

/** @throws InvalidArgumentError for a value that would become infinity in float16 and is not. `label`: what holds it */
export function requireFloat16Range(values: Float32Array, label: string): void {
  const wrong = values.find(
    (value) => Math.abs(value) >= 65_520 && Math.abs(value) < Number.POSITIVE_INFINITY,
  )
  if (wrong === undefined) return
  throw new InvalidArgumentError(
    `${label} holds ${wrong}, which float16 cannot (65504 is its largest): take bfloat16`,
  )
}

/** Overflow becomes infinity; NaN stays NaN. `target` must be as long as `source`. */
export function encodeBfloat16(source: Float32Array, target: Uint16Array): void {
  const bits = bitsOf(source)
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i]!
    target[i] =
      (value & 0x7fffffff) > 0x7f800000
        ? (value >>> 16) | 0x40
        : (value + 0x7fff + ((value >>> 16) & 1)) >>> 16
  }
}
