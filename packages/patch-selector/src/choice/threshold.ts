// The value that separates the chosen from the rest, found by counting instead of sorting.
// A non-negative float32's bits order like its value, so two counting passes (high and low half) suffice.

const lowBits = 15
const lowMask = (1 << lowBits) - 1

/**
 * The `count`-th largest of `values` (each in 0..1), where values[i] stands for `weights[i]` patches.
 * Returns it and how many patches of exactly that value are still among the `count` largest.
 * `count` is at least 1 and at most the sum of `weights`.
 */
export function weightedThreshold(
  values: Float32Array,
  weights: Int32Array,
  count: number,
): { threshold: number; ties: number } {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const histogram = new Int32Array(1 << 16)
  // The sign bit is dropped, so that -0 counts as 0.
  for (let i = 0; i < bits.length; i++) histogram[(bits[i]! & 0x7fffffff) >>> lowBits]! += weights[i]!
  let left = count
  let high = histogram.length - 1
  while (left > histogram[high]!) left -= histogram[high--]!

  histogram.fill(0)
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i]! & 0x7fffffff
    if (value >>> lowBits === high) histogram[value & lowMask]! += weights[i]!
  }
  let low = lowMask
  while (left > histogram[low]!) left -= histogram[low--]!

  const threshold = new Float32Array(new Uint32Array([(high << lowBits) | low]).buffer)[0]!
  return { threshold, ties: left }
}
