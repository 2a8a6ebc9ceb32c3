// From segment-anything's mask logits to masks: which are good, where they lie, which are the same.
// Rules and thresholds of SamAutomaticMaskGenerator (facebookresearch/segment-anything) with the paper's numbers.

import { type Box, intersectionOverUnion } from './boxes.ts'
import type { Mask } from './proposer.ts'

export const SAM = {
  /** Side of the square that the encoder sees. */
  side: 1024,
  /** Side of the masks that the decoder gives. */
  maskSide: 256,
  minIou: 0.6,
  minStability: 0.85,
  stabilityOffset: 1,
  maxBoxIou: 0.7,
  /** Share of the short side that neighbouring crops have in common. */
  cropOverlap: 512 / 1500,
  /** Pixels within which a box touches an edge. */
  edgeTolerance: 20,
} as const

export interface ScoredMask extends Mask {
  /** Predicted IoU within a crop; between crops the smaller one wins. */
  score: number
}

/** A part of the picture that the model looks at. */
export interface Crop {
  /** In pixels of the picture. */
  left: number
  top: number
  width: number
  height: number
}

/** The whole picture, then its four overlapping quarters (one crop layer). */
export function cropsOf(width: number, height: number): Crop[] {
  const overlap = Math.trunc(SAM.cropOverlap * Math.min(width, height))
  const cropWidth = Math.ceil((overlap + width) / 2)
  const cropHeight = Math.ceil((overlap + height) / 2)
  const crops: Crop[] = [{ left: 0, top: 0, width, height }]
  for (const left of [0, cropWidth - overlap]) {
    for (const top of [0, cropHeight - overlap]) {
      const [w, h] = [Math.min(cropWidth, width - left), Math.min(cropHeight, height - top)]
      if (w > 0 && h > 0) crops.push({ left, top, width: w, height: h })
    }
  }
  return crops
}

/** How a crop lies in the square: its long side fills it, the rest is padding. */
export const scaleOf = ({ width, height }: Crop): number => SAM.side / Math.max(width, height)

/** One mask of logits [256 * 256], or null when it is unstable, empty, or cut off by the crop's edge. */
export function maskOf(
  logits: Float32Array,
  score: number,
  crop: Crop,
  picture: { width: number; height: number },
): ScoredMask | null {
  const cell = SAM.side / SAM.maskSide / scaleOf(crop)
  const columns = Math.min(SAM.maskSide, Math.ceil(crop.width / cell))
  const rows = Math.min(SAM.maskSide, Math.ceil(crop.height / cell))
  let [inner, area, outer] = [0, 0, 0]
  let [x1, y1, x2, y2] = [columns, rows, 0, 0]
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const logit = logits[y * SAM.maskSide + x]!
      if (logit <= -SAM.stabilityOffset) continue
      outer++
      if (logit > SAM.stabilityOffset) inner++
      if (logit <= 0) continue
      area++
      if (x < x1) x1 = x
      if (x >= x2) x2 = x + 1
      if (y < y1) y1 = y
      if (y >= y2) y2 = y + 1
    }
  }
  if (area === 0 || inner / outer < SAM.minStability) return null
  const box: Box = [
    crop.left + x1 * cell,
    crop.top + y1 * cell,
    Math.min(crop.left + x2 * cell, crop.left + crop.width),
    Math.min(crop.top + y2 * cell, crop.top + crop.height),
  ]
  return isCutOff(box, crop, picture) ? null : { box, area: area * cell * cell, score }
}

/** Whether it ends at an edge of the crop that is none of the picture's. */
function isCutOff(
  box: Box,
  { left, top, width, height }: Crop,
  picture: { width: number; height: number },
): boolean {
  const edges: Box = [left, top, left + width, top + height]
  const outer: Box = [0, 0, picture.width, picture.height]
  const isNear = (a: number, b: number) => Math.abs(a - b) <= SAM.edgeTolerance
  return box.some((side, i) => isNear(side, edges[i]!) && !isNear(side, outer[i]!))
}

/** Non-maximum suppression: of boxes that are nearly the same, the best score stays. */
export function suppress(masks: readonly ScoredMask[]): ScoredMask[] {
  const kept: ScoredMask[] = []
  for (const mask of [...masks].sort((a, b) => b.score - a.score)) {
    if (kept.every(({ box }) => intersectionOverUnion(box, mask.box) <= SAM.maxBoxIou)) kept.push(mask)
  }
  return kept
}
