// Source positions and weights of PyTorch's bicubic interpolation without antialiasing along one axis
// (ATen UpSampleKernel.cpp: a = -0.75, half-pixel centres, edges clamped).

/** Four taps per destination index: clamped source indices and their weights (each four sum to 1). */
export interface CubicTaps {
  readonly positions: Int32Array
  readonly weights: Float64Array
}

const A = -0.75

/** Cubic convolution for |x| <= 1. */
const inner = (x: number) => ((A + 2) * x - (A + 3)) * x * x + 1
/** Cubic convolution for 1 <= |x| <= 2. */
const outer = (x: number) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A

/** Taps for resizing `sourceSize` samples to `targetSize`. */
export function cubicTaps(sourceSize: number, targetSize: number): CubicTaps {
  const positions = new Int32Array(targetSize * 4)
  const weights = new Float64Array(targetSize * 4)
  const scale = Math.fround(Math.fround(sourceSize) / Math.fround(targetSize))
  for (let i = 0; i < targetSize; i++) {
    // PyTorch's CPU kernel computes coordinates in float32 with one fused multiply-subtract, so with one rounding.
    // A product of float32 values is exact in float64; the same rounding here gives the same coordinate, which at
    // 4K keeps results within 1e-6 where exact coordinates would differ by 1e-4.
    const source = Math.fround(scale * (i + 0.5) - 0.5)
    const left = Math.min(Math.floor(source), sourceSize - 1)
    const t = Math.min(Math.max(source - left, 0), 1)
    const at = i * 4
    weights[at] = outer(t + 1)
    weights[at + 1] = inner(t)
    weights[at + 2] = inner(1 - t)
    weights[at + 3] = outer(2 - t)
    for (let tap = 0; tap < 4; tap++) {
      positions[at + tap] = Math.min(Math.max(left + tap - 1, 0), sourceSize - 1)
    }
  }
  return { positions, weights }
}
