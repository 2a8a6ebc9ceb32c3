// Boxes [x1, y1, x2, y2] in pixels: clipping, overlap.

export type Box = [x1: number, y1: number, x2: number, y2: number]

export const boxArea = ([x1, y1, x2, y2]: Box): number => Math.max(0, x2 - x1) * Math.max(0, y2 - y1)

export function intersectionArea(a: Box, b: Box): number {
  return boxArea([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])])
}

export function intersectionOverUnion(a: Box, b: Box): number {
  const shared = intersectionArea(a, b)
  return shared / (boxArea(a) + boxArea(b) - shared)
}

/** Whether the centre of `inner` lies in `outer`. */
export function holdsCentre(outer: Box, inner: Box): boolean {
  const x = (inner[0] + inner[2]) / 2
  const y = (inner[1] + inner[3]) / 2
  return x >= outer[0] && x < outer[2] && y >= outer[1] && y < outer[3]
}

export function unionOf(boxes: readonly Box[]): Box {
  return boxes.reduce((a, b) => [
    Math.min(a[0], b[0]),
    Math.min(a[1], b[1]),
    Math.max(a[2], b[2]),
    Math.max(a[3], b[3]),
  ])
}

/** The part of a box within the picture; null for what is no box, is inverted, or has less than a pixel inside. */
export function clipBox(box: unknown, width: number, height: number): Box | null {
  if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite)) return null
  const [x1, y1, x2, y2] = box as Box
  const clipped: Box = [Math.max(0, x1), Math.max(0, y1), Math.min(width, x2), Math.min(height, y2)]
  return x2 > x1 && y2 > y1 && clipped[2] - clipped[0] >= 1 && clipped[3] - clipped[1] >= 1 ? clipped : null
}
