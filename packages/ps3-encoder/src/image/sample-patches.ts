// Resizes and cuts out only the patches that are asked for, from bytes to normalised floats.
// PS3 (arXiv 2503.19903) looks at a few thousand patches of a 4K picture: the rest is never resampled.
import { checkRgbImage, InvalidArgumentError, type RgbImage } from '@ps3js/tensor'
import { type CubicTaps, cubicTaps } from './cubic-taps.ts'
import { checkMeanStd, normalizationTable } from './normalization.ts'

/**
 * Patches of the picture resized to `targetHeight` x `targetWidth`, normalised, each flattened (channel, row, column).
 *
 * Equals normalising the whole picture ((byte / 255 - mean) / std), resizing it as PyTorch's
 * `interpolate(mode='bicubic', align_corners=False)` does, and unfolding it; as the weights sum to 1 the
 * normalisation may come last, which costs less than 1e-6. When the picture already has the target size, bytes go
 * through a table and the result is exact.
 *
 * @param indices row-major patch ids on the (targetHeight / patchSize) x (targetWidth / patchSize) grid; null: all.
 * @param out written and returned when given; needs at least n * 3 * patchSize ** 2 elements.
 * @returns [n, 3 * patchSize * patchSize]
 * @throws ImageError for a malformed picture, InvalidArgumentError for sizes or ids that do not fit.
 */
export function samplePatches(
  image: RgbImage,
  targetHeight: number,
  targetWidth: number,
  patchSize: number,
  indices: Int32Array | null,
  mean: readonly number[],
  std: readonly number[],
  out?: Float32Array,
): Float32Array {
  checkRgbImage(image)
  checkMeanStd(mean, std)
  const { gridWidth, ids } = checkGrid(targetHeight, targetWidth, patchSize, indices)
  const length = ids.length * 3 * patchSize * patchSize
  if (out && out.length < length) {
    throw new InvalidArgumentError(
      `out holds ${out.length} numbers, but ${ids.length} patches of ${patchSize}x${patchSize} need ${length}`,
    )
  }
  const result = out ?? new Float32Array(length)
  if (image.height === targetHeight && image.width === targetWidth) {
    copyPatches(image, patchSize, gridWidth, ids, normalizationTable(mean, std), result)
  } else {
    const rows = cubicTaps(image.height, targetHeight)
    const columns = cubicTaps(image.width, targetWidth)
    resamplePatches(image, patchSize, gridWidth, ids, rows, columns, mean, std, result)
  }
  return result
}

function checkGrid(targetHeight: number, targetWidth: number, patchSize: number, indices: Int32Array | null) {
  for (const [name, value] of Object.entries({ targetHeight, targetWidth, patchSize })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InvalidArgumentError(`${name} must be a positive whole number, not ${value}`)
    }
  }
  if (targetHeight % patchSize !== 0 || targetWidth % patchSize !== 0) {
    throw new InvalidArgumentError(
      `target size ${targetHeight}x${targetWidth} must be divisible by the patch size ${patchSize}`,
    )
  }
  const gridWidth = targetWidth / patchSize
  const count = gridWidth * (targetHeight / patchSize)
  const ids = indices ?? Int32Array.from({ length: count }, (_, i) => i)
  for (const id of ids) {
    if (id < 0 || id >= count) {
      throw new InvalidArgumentError(
        `patch ${id} is not on the grid of ${targetHeight / patchSize}x${gridWidth} (0 to ${count - 1})`,
      )
    }
  }
  return { gridWidth, ids }
}

function copyPatches(
  image: RgbImage,
  patchSize: number,
  gridWidth: number,
  ids: Int32Array,
  table: Float32Array,
  out: Float32Array,
): void {
  const { data, width } = image
  const plane = patchSize * patchSize
  let at = 0
  for (let n = 0; n < ids.length; n++) {
    const id = ids[n]!
    const top = Math.floor(id / gridWidth) * patchSize
    const left = (id % gridWidth) * patchSize
    for (let row = 0; row < patchSize; row++) {
      let from = ((top + row) * width + left) * 3
      for (let column = 0; column < patchSize; column++) {
        out[at] = table[data[from]!]!
        out[at + plane] = table[256 + data[from + 1]!]!
        out[at + 2 * plane] = table[512 + data[from + 2]!]!
        at++
        from += 3
      }
    }
    at += 2 * plane
  }
}

function resamplePatches(
  image: RgbImage,
  patchSize: number,
  gridWidth: number,
  ids: Int32Array,
  rows: CubicTaps,
  columns: CubicTaps,
  mean: readonly number[],
  std: readonly number[],
  out: Float32Array,
): void {
  const { data, width } = image
  const rowBytes = width * 3
  const { positions: rowPositions, weights: rowWeights } = rows
  const columnWeights = columns.weights
  const columnOffsets = columns.positions.map((position) => position * 3)
  const plane = patchSize * patchSize
  const stripRow = patchSize * 3
  // Source rows that one row of patches needs, each filtered along x once: [at most 4 * patchSize, 3, patchSize].
  const sourceRows = new Int32Array(patchSize * 4)
  const slots = new Int32Array(patchSize * 4)
  const strip = new Float64Array(patchSize * 4 * stripRow)
  const factors = std.map((s) => 1 / (255 * s))
  const shifts = mean.map((m, channel) => -m / std[channel]!)
  let currentGridRow = -1
  let sourceCount = 0

  for (let n = 0; n < ids.length; n++) {
    const id = ids[n]!
    const gridRow = Math.floor(id / gridWidth)
    if (gridRow !== currentGridRow) {
      currentGridRow = gridRow
      sourceCount = collectRows(rowPositions, gridRow * patchSize * 4, sourceRows, slots, stripRow)
    }
    const left = (id % gridWidth) * patchSize * 4

    for (let source = 0; source < sourceCount; source++) {
      const base = sourceRows[source]! * rowBytes
      let to = source * stripRow
      for (let column = 0; column < patchSize; column++) {
        const tap = left + column * 4
        const w0 = columnWeights[tap]!
        const w1 = columnWeights[tap + 1]!
        const w2 = columnWeights[tap + 2]!
        const w3 = columnWeights[tap + 3]!
        const p0 = base + columnOffsets[tap]!
        const p1 = base + columnOffsets[tap + 1]!
        const p2 = base + columnOffsets[tap + 2]!
        const p3 = base + columnOffsets[tap + 3]!
        strip[to] = data[p0]! * w0 + data[p1]! * w1 + data[p2]! * w2 + data[p3]! * w3
        strip[to + patchSize] =
          data[p0 + 1]! * w0 + data[p1 + 1]! * w1 + data[p2 + 1]! * w2 + data[p3 + 1]! * w3
        strip[to + 2 * patchSize] =
          data[p0 + 2]! * w0 + data[p1 + 2]! * w1 + data[p2 + 2]! * w2 + data[p3 + 2]! * w3
        to++
      }
    }

    for (let channel = 0; channel < 3; channel++) {
      const factor = factors[channel]!
      const shift = shifts[channel]!
      const channelOffset = channel * patchSize
      let to = n * 3 * plane + channel * plane
      for (let row = 0; row < patchSize; row++) {
        const tap = (gridRow * patchSize + row) * 4
        const w0 = rowWeights[tap]! * factor
        const w1 = rowWeights[tap + 1]! * factor
        const w2 = rowWeights[tap + 2]! * factor
        const w3 = rowWeights[tap + 3]! * factor
        let s0 = slots[row * 4]! + channelOffset
        let s1 = slots[row * 4 + 1]! + channelOffset
        let s2 = slots[row * 4 + 2]! + channelOffset
        let s3 = slots[row * 4 + 3]! + channelOffset
        for (let column = 0; column < patchSize; column++) {
          out[to++] = strip[s0++]! * w0 + strip[s1++]! * w1 + strip[s2++]! * w2 + strip[s3++]! * w3 + shift
        }
      }
    }
  }
}

/** Lists the distinct source rows behind one row of patches, and for each tap the offset of its row in the strip. */
function collectRows(
  positions: Int32Array,
  from: number,
  sourceRows: Int32Array,
  slots: Int32Array,
  stripRow: number,
): number {
  let count = 0
  for (let tap = 0; tap < slots.length; tap++) {
    const position = positions[from + tap]!
    // Neighbouring destination rows share at most the last three source rows, so looking back four finds any repeat.
    let slot = -1
    for (let back = count - 1; back >= 0 && back >= count - 4; back--) {
      if (sourceRows[back] === position) {
        slot = back
        break
      }
    }
    if (slot < 0) {
      slot = count++
      sourceRows[slot] = position
    }
    slots[tap] = slot * stripRow
  }
  return count
}
