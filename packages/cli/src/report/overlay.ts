// Pictures for the report: the heat map over the picture, and the outlines of what was looked at closely.
// Everything is drawn into a small RGB canvas; sharp only scales the picture and encodes the result.

import type { GridSize, ProbabilityMap } from '@ps3js/patch-selector'
import type { RgbImage } from '@ps3js/ps3-encoder'
import sharp from 'sharp'
import { heatColor, type Rgb } from './colors.ts'

/** Long side of the report's pictures in pixels: larger ones are scaled down, and smaller ones up so that patches show. */
const LONGEST = 1600
const SHORTEST = 640

export interface Canvas {
  readonly width: number
  readonly height: number
  /** RGB, interleaved. */
  readonly data: Uint8Array
}

/** The picture at the report's size. */
export async function toCanvas({ width, height, data }: RgbImage): Promise<Canvas> {
  const long = Math.max(width, height)
  const scale = Math.min(Math.max(long, SHORTEST), LONGEST) / long
  const size = {
    width: Math.max(Math.round(width * scale), 1),
    height: Math.max(Math.round(height * scale), 1),
  }
  const resized = await sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false })
    .resize({ ...size, fit: 'fill', kernel: scale > 1 ? 'nearest' : 'lanczos3' })
    .raw()
    .toBuffer()
  return { ...size, data: new Uint8Array(resized) }
}

/** Paints probabilities over the picture, from the smallest (dark) to the largest (bright) of the map. */
export function paintHeat(canvas: Canvas, map: ProbabilityMap, opacity = 0.62): Canvas {
  let smallest = Number.POSITIVE_INFINITY
  let largest = Number.NEGATIVE_INFINITY
  for (const value of map.data) {
    smallest = Math.min(smallest, value)
    largest = Math.max(largest, value)
  }
  const spread = largest - smallest || 1
  const colors = Array.from(map.data, (value) => heatColor((value - smallest) / spread))
  return paint(canvas, (x, y) => {
    const column = Math.floor((x * map.width) / canvas.width)
    const row = Math.floor((y * map.height) / canvas.height)
    return { color: colors[row * map.width + column]!, opacity }
  })
}

/** Darkens what no map covers, so that the places that were looked at stand out. */
export function dimOutside(canvas: Canvas, maps: readonly { grid: GridSize; map: Uint8Array }[]): Canvas {
  const black: Rgb = [0, 0, 0]
  return paint(canvas, (x, y) => ({
    color: black,
    opacity: maps.some(({ grid, map }) => map[cellAt(canvas, grid, x, y)] !== 0) ? 0 : 0.45,
  }))
}

export interface OutlineStyle {
  color: Rgb
  /** Width in pixels of the line around a region of neighbouring patches. */
  thickness: number
  /** How strongly the lines between neighbouring patches show; they are left out where patches are too small. */
  inner?: number
}

/** Below this many pixels a side, lines between patches would cover them. */
const SMALLEST_PATCH_WITH_LINES = 5

/** Outlines the patches of one scale whose map value is not 0. */
export function outlinePatches(
  canvas: Canvas,
  grid: GridSize,
  map: Uint8Array,
  { color, thickness, inner = 0.35 }: OutlineStyle,
): Canvas {
  const cellWidth = canvas.width / grid.width
  const cellHeight = canvas.height / grid.height
  const drawsInner = Math.min(cellWidth, cellHeight) >= SMALLEST_PATCH_WITH_LINES
  const chosen = (row: number, column: number) =>
    row >= 0 &&
    column >= 0 &&
    row < grid.height &&
    column < grid.width &&
    map[row * grid.width + column] !== 0
  const data = canvas.data.slice()
  const blend = (x: number, y: number, opacity: number) =>
    mixPixel(data, (y * canvas.width + x) * 3, color, opacity)
  for (let row = 0; row < grid.height; row++) {
    const top = Math.round(row * cellHeight)
    const bottom = Math.round((row + 1) * cellHeight)
    for (let column = 0; column < grid.width; column++) {
      if (!chosen(row, column)) continue
      const left = Math.round(column * cellWidth)
      const right = Math.round((column + 1) * cellWidth)
      const open = [
        !chosen(row - 1, column),
        !chosen(row + 1, column),
        !chosen(row, column - 1),
        !chosen(row, column + 1),
      ] as const
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const onEdge =
            (open[0] && y - top < thickness) ||
            (open[1] && bottom - 1 - y < thickness) ||
            (open[2] && x - left < thickness) ||
            (open[3] && right - 1 - x < thickness)
          if (onEdge) blend(x, y, 1)
          else if (drawsInner && (x === left || y === top)) blend(x, y, inner)
        }
      }
    }
  }
  return { ...canvas, data }
}

/** As PNG, for files that people keep. */
export async function toPng({ width, height, data }: Canvas): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 7 })
    .toBuffer()
}

/** As JPEG at a size that a report can carry, in a data URI. */
export async function toDataUri({ width, height, data }: Canvas): Promise<string> {
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 78 })
    .toBuffer()
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`
}

function cellAt(canvas: Canvas, grid: GridSize, x: number, y: number): number {
  return (
    Math.floor((y * grid.height) / canvas.height) * grid.width + Math.floor((x * grid.width) / canvas.width)
  )
}

function paint(canvas: Canvas, brush: (x: number, y: number) => { color: Rgb; opacity: number }): Canvas {
  const data = canvas.data.slice()
  for (let y = 0, i = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++, i += 3) {
      const { color, opacity } = brush(x, y)
      mixPixel(data, i, color, opacity)
    }
  }
  return { ...canvas, data }
}

function mixPixel(data: Uint8Array, offset: number, color: Rgb, opacity: number): void {
  for (let channel = 0; channel < 3; channel++) {
    const before = data[offset + channel]!
    data[offset + channel] = Math.round(before + (color[channel]! - before) * opacity)
  }
}
