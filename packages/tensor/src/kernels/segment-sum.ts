// UnsortedSegmentSum (the backward pass of gather) on plain arrays: one pass over the rows.
// tfjs's cpu kernel makes one pass per segment, which a table of tens of thousands of rows cannot afford.

/** Adds row i of `x` [N, inner] to row `segmentIds[i]` of `out` [numSegments, inner], which is cleared first. */
export function segmentSum(
  x: ArrayLike<number>,
  segmentIds: ArrayLike<number>,
  inner: number,
  numSegments: number,
  out: Float32Array | Int32Array,
): void {
  out.fill(0)
  for (let row = 0; row < segmentIds.length; row++) {
    const segment = segmentIds[row]!
    // TensorFlow drops rows whose id is out of range.
    if (segment < 0 || segment >= numSegments) continue
    const from = row * inner
    const to = segment * inner
    for (let i = 0; i < inner; i++) out[to + i]! += x[from + i]!
  }
}
