// Boxes follow their picture's crop and resize, and become a 0/1 map.
// Source: NVlabs/PS3 (training data), with torchvision's float32 arithmetic for bounding boxes.

import type { RegionMap } from '../types.ts'
import type { Crop } from './crop.ts'

/** [x1, y1, x2, y2] in pixels. */
export type Box = readonly [number, number, number, number]

/** The box in pixels of the crop, clipped to it (float32). */
export function cropBox([x1, y1, x2, y2]: Box, { top, left, width, height }: Crop): Box {
  const move = (value: number, start: number, length: number) =>
    Math.min(Math.max(Math.fround(Math.fround(value) - start), 0), length)
  return [move(x1, left, width), move(y1, top, height), move(x2, left, width), move(y2, top, height)]
}

/**
 * The box after a picture of `width` x `height` was resized to `size` x `size`. Boxes of whole numbers are truncated to
 * whole numbers, as the reference does; others keep their fractions (float32).
 *
 * @param isWhole whether the reference would hold the box in integers
 */
export function resizeBox(
  [x1, y1, x2, y2]: Box,
  { width, height }: { width: number; height: number },
  size: number,
  isWhole: boolean,
): Box {
  const scale = (value: number, length: number) => {
    const scaled = Math.fround(Math.fround(value) * Math.fround(size / length))
    return isWhole ? Math.trunc(scaled) : scaled
  }
  return [scale(x1, width), scale(y1, height), scale(x2, width), scale(y2, height)]
}

/** Whether anything of a box's inside lies in a crop. */
export function isVisible([x1, y1, x2, y2]: Box, { top, left, width, height }: Crop): boolean {
  return x1 < left + width && x2 > left && y1 < top + height && y2 > top
}

/**
 * 1 in the rows floor(y1) .. ceil(y2) and columns floor(x1) .. ceil(x2) of any box, ends included, and 0 elsewhere.
 *
 * @returns [size, size]
 */
export function regionMap(boxes: readonly Box[], size: number): RegionMap {
  const data = new Float32Array(size * size)
  for (const [x1, y1, x2, y2] of boxes) {
    const [from, to] = [Math.floor(x1), Math.min(Math.ceil(x2) + 1, size)]
    const bottom = Math.min(Math.ceil(y2), size - 1)
    for (let y = Math.floor(y1); y <= bottom && from < to; y++) data.fill(1, y * size + from, y * size + to)
  }
  return { height: size, width: size, data }
}
