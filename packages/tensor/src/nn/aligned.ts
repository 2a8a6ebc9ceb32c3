// Float32Arrays that TensorFlow takes over without copying: it wants data on a 64-byte boundary.

/**
 * Large ArrayBuffers start at 16 mod 64 (measured on Node 20, Linux x64), so data at byte offset 48 is aligned.
 * Where that does not hold, TensorFlow copies as it always does: slower, not wrong.
 */
export function alignedFloat32(length: number): Float32Array<ArrayBuffer> {
  if (length < 16_384) return new Float32Array(length)
  return new Float32Array(new ArrayBuffer(length * 4 + 48), 48, length)
}
