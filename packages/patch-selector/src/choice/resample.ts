// Nearest and area resizing of plain maps, with the rounding of torch's float32 `interpolate`.
// The rounding matters: selections depend on which cell a patch reads and on which averages are exactly equal.
import type { GridSize, ProbabilityMap } from './types.ts'

/** Which input cell each output cell reads: floor(i * float32(input / output)), computed in float32. */
export function nearestSource(inputSize: number, outputSize: number): Int32Array {
  const step = Math.fround(inputSize / outputSize)
  const source = new Int32Array(outputSize)
  for (let i = 0; i < outputSize; i++) {
    source[i] = Math.min(Math.floor(Math.fround(i * step)), inputSize - 1)
  }
  return source
}

/** `map` at another size; every output cell copies one input cell. */
export function resizeNearest(map: ProbabilityMap, size: GridSize): ProbabilityMap {
  const rows = nearestSource(map.height, size.height)
  const columns = nearestSource(map.width, size.width)
  const data = new Float32Array(size.height * size.width)
  for (let row = 0, to = 0; row < size.height; row++) {
    const from = rows[row]! * map.width
    for (let column = 0; column < size.width; column++) data[to++] = map.data[from + columns[column]!]!
  }
  return { height: size.height, width: size.width, data }
}

/**
 * `map` at another size; every output cell averages the input cells that it touches (adaptive average pooling:
 * windows overlap where the sizes do not divide). Summed row by row in float32.
 */
export function resizeArea(
  map: GridSize & { readonly data: ArrayLike<number> },
  size: GridSize,
): ProbabilityMap {
  const data = new Float32Array(size.height * size.width)
  for (let cell = 0; cell < data.length; cell++) data[cell] = areaAverage(map, size, cell)
  return { height: size.height, width: size.width, data }
}

/** One cell of `resizeArea`, by its row-major index. */
export function areaAverage(
  map: GridSize & { readonly data: ArrayLike<number> },
  size: GridSize,
  cell: number,
): number {
  const [top, bottom] = areaWindow(Math.floor(cell / size.width), map.height, size.height)
  const [left, right] = areaWindow(cell % size.width, map.width, size.width)
  let sum = 0
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) sum = Math.fround(sum + map.data[y * map.width + x]!)
  }
  return Math.fround(Math.fround(sum / (bottom - top)) / (right - left))
}

/** First input cell that output cell `i` touches, and the one after its last. */
export function areaWindow(i: number, inputSize: number, outputSize: number): [start: number, end: number] {
  return [Math.floor((i * inputSize) / outputSize), Math.ceil(((i + 1) * inputSize) / outputSize)]
}
