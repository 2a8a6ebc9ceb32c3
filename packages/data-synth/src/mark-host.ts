// A shape with a dot and a label on it, drawn straight into RGB bytes: what pictures of marks, and close-ups of them, consist of.
import type { Random } from '@ps3js/tensor'
import { type Rgb, shadeOf } from './colors.ts'
import { GLYPH_ROWS, GLYPH_X_ROWS, isInk, textColumns } from './glyphs.ts'
import {
  MIN_OBJECT_PIXELS,
  MIN_X_HEIGHT_PIXELS,
  minResolution,
  RESOLUTIONS,
  type Resolution,
} from './resolution.ts'
import { COLORS, noise, SHAPES } from './shapes.ts'
import { pick, splitOfWord } from './splits.ts'
import type { Box, RgbPicture, Split, SynthObject } from './types.ts'
import { WORDS } from './words.ts'

export type Color = (typeof COLORS)[number]

/** Cells along a side of a picture, each with room for one shape. */
export const CELLS = 5

/** Longest word on a label, in letters. */
const LONGEST_WORD = 4

/**
 * Side of a picture over that of the finest dots, and likewise of labels: at its own size a dot is no less than 13 pixels,
 * and a letter's strokes no less than 2.
 */
const FINEST = 0.6

/** Specks, as a share of a shape's box: where a scale skips pixels, the one that it takes of a dot tells nothing. */
const SPECKLED = 0.12

/** Rows of noise that a picture's rows are taken from. */
const NOISE_ROWS = 64

/** Noise like that of shapes, drawn once for a few rows: each row of the picture is one of them, turned to begin elsewhere. */
export function ground(random: Random, size: number): RgbPicture {
  const rows = noise(random, NOISE_ROWS, size)
  const data = new Uint8Array(size * size * 3)
  for (let y = 0; y < size; y++) {
    const from = 3 * size * random.integer(NOISE_ROWS)
    const turn = 3 * random.integer(size)
    data.set(rows.subarray(from + turn, from + 3 * size), 3 * y * size)
    data.set(rows.subarray(from, from + turn), 3 * (y + 1) * size - turn)
  }
  return { width: size, height: size, data }
}

/** Of a shape. Odd, so that a centre pixel exists and it touches all four sides of its box. */
export const sideOf = (random: Random, size: number) =>
  Math.floor((size / CELLS) * (0.25 + 0.17 * random.uniform())) | 1

/** A shape with a dot and a label. */
export interface Host {
  box: Box
  kind: keyof typeof SHAPES
  color: Color
  dot: Part & { color: Color }
  label: Part
}

export interface HostOptions {
  /** The picture's. */
  size: number
  corner: readonly [x: number, y: number]
  side: number
  kind: Host['kind']
  color: Color
  needs: readonly Resolution[]
  /** What is on the label. */
  write: () => string
  /** Pixels that no mark exceeds. */
  most?: number
}

export function placeHost(random: Random, options: HostOptions): Host {
  const { corner, side, kind, color, write } = options
  const [x, y] = corner
  // One in the upper half, the other in the lower.
  const half = Math.floor(side / 2)
  const [dotTop, labelTop] = random.integer(2) ? [y, y + half] : [y + half, y]
  const other = pick(
    random,
    COLORS.filter((one) => one !== color),
  )
  const dot = placeDot(random, [x, dotTop, x + side, dotTop + half], other, options)
  const label = placeLabel(random, [x, labelTop, x + side, labelTop + half], write(), options)
  return { box: [x, y, x + side, y + side], kind, color, dot, label }
}

/** Pixels of a speck, by the picture's. */
export const grainOf = (size: number) => Math.max(1, Math.round(size / 1260))

/** @param grain pixels of a speck */
export function paintHost(
  random: Random,
  windows: readonly Window[],
  { box, kind, color, dot, label }: Host,
  grain: number,
): void {
  paintShape(windows, box, SHAPES[kind], color, { marks: [dot.box, label.box], grain }, random)
  paintDot(windows, dot, random)
  paintLabel(windows, label, random)
}

/** The next smaller resolution. */
const below = (resolution: Resolution) => RESOLUTIONS[RESOLUTIONS.indexOf(resolution) - 1]

/** Whether the finest marks of a picture need as much. */
export const isDrawable = (resolution: Resolution, size: number) => (below(resolution) ?? 0) < FINEST * size

/** What an object of `needed` pixels measures in a picture of `size`, evenly over resolutions and magnitudes in each. */
function extentOf(random: Random, size: number, needed: number, needs: readonly Resolution[]): number {
  const resolution = pick(random, needs)
  const high = Math.min(resolution, FINEST * size)
  const low = 1.001 * (below(resolution) ?? 0.8 * high)
  return (needed * size) / (low * (high / low) ** random.uniform())
}

export interface Part extends Omit<SynthObject, 'caption' | 'split'> {
  /** Pixels of a dot's width, or of one column of a label's letters. */
  unit: number
}

type RoomOptions = Pick<HostOptions, 'size' | 'needs' | 'most'>

/** A dot somewhere in the area. */
function placeDot(
  random: Random,
  area: Box,
  color: Color,
  { size, needs, most = size }: RoomOptions,
): Host['dot'] {
  const room = area[3] - area[1]
  const unit = Math.min(Math.round(extentOf(random, size, MIN_OBJECT_PIXELS, needs)), room - 2, most)
  const box = placeIn(area, unit, unit, random)
  const needed = minResolution(size, unit, MIN_OBJECT_PIXELS)
  return { box, text: '', color, kind: 'dot', minResolution: needed, unit }
}

function paintDot(windows: readonly Window[], { box, color, unit }: Host['dot'], random: Random): void {
  const isDisc = (x: number, y: number) => (2 * x - unit) ** 2 + (2 * y - unit) ** 2 <= unit ** 2
  paint(windows, box, isDisc, shadeOf(random, color))
}

/** A label somewhere in the area. */
function placeLabel(
  random: Random,
  area: Box,
  text: string,
  { size, needs, most = size }: RoomOptions,
): Part {
  const [columns, rows] = [textColumns(text) + 2, GLYPH_ROWS + 2]
  // No more than there is room for; whole pixels, so that every stroke is as wide.
  const fitting = Math.min(
    extentOf(random, size, MIN_X_HEIGHT_PIXELS, needs) / GLYPH_X_ROWS,
    Math.min(area[2] - area[0], most) / columns,
    Math.min(area[3] - area[1], most) / rows,
  )
  const unit = Math.max(1, Math.floor(fitting))
  const box = placeIn(area, columns * unit, rows * unit, random)
  const needed = minResolution(size, unit * GLYPH_X_ROWS, MIN_X_HEIGHT_PIXELS)
  return { box, text, color: 'black', kind: 'label', minResolution: needed, unit }
}

/** White on black: what is written is hard enough to make out in one pair of colours. */
function paintLabel(windows: readonly Window[], { box, text, unit }: Part, random: Random): void {
  paint(windows, box, () => true, shadeOf(random, 'black'))
  const columns = textColumns(text)
  const isLetter = (x: number, y: number) => {
    const [column, row] = [Math.floor(x / unit) - 1, Math.floor(y / unit) - 1]
    return column >= 0 && column < columns && row >= 0 && row < GLYPH_ROWS && isInk(text, column, row)
  }
  paint(windows, box, isLetter, shadeOf(random, 'white'))
}

/** The characters of a label, from the left. */
export function charactersOf({ box: [left, top], text, unit }: Part) {
  return Array.from(text, (what, place) => {
    const [from, to] = [textColumns(text.slice(0, place)) + 1, textColumns(text.slice(0, place + 1))]
    const x = left + unit
    const box: Box = [x + from * unit, top + unit, x + to * unit, top + (1 + GLYPH_ROWS) * unit]
    return { what, box, place }
  })
}

const ofLength = (split: Split): string[] => [
  ...new Set(
    Object.values(WORDS)
      .flat()
      .filter((word) => word.length <= LONGEST_WORD && splitOfWord(word) === split)
      .map((word) => word.toUpperCase()),
  ),
]

/** Capitals. */
export const SHORT_WORDS: Record<Split, string[]> = { train: ofLength('train'), heldout: ofLength('heldout') }

const CAPITALS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']

export const anyDigit = (random: Random): string => String(random.integer(10))

/** Capitals in any order, as few as in short words. */
export const anyLetters = (random: Random): string =>
  Array.from({ length: 1 + random.integer(LONGEST_WORD) }, () => pick(random, CAPITALS)).join('')

function placeIn([x1, y1, x2, y2]: Box, width: number, height: number, random: Random): Box {
  const x = x1 + random.integer(x2 - x1 - width + 1)
  const y = y1 + random.integer(y2 - y1 - height + 1)
  return [x, y, x + width, y + height]
}

/** What is seen of a picture through a window: its pixels from `left` and `top` on. */
export interface Window extends RgbPicture {
  left: number
  top: number
}

/** Every pixel of the box whose centre lies inside. x, y: from the box's corner to that centre. */
function paint(
  windows: readonly Window[],
  [x1, y1, x2, y2]: Box,
  inside: (x: number, y: number) => boolean,
  [r, g, b]: Rgb,
): void {
  for (const { left, top, width, height, data } of windows) {
    const [from, to] = [Math.max(x1, left), Math.min(x2, left + width)]
    const end = Math.min(y2, top + height)
    for (let y = Math.max(y1, top); y < end; y++) {
      for (let x = from, at = ((y - top) * width + from - left) * 3; x < to; x++, at += 3) {
        if (!inside(x - x1 + 0.5, y - y1 + 0.5)) continue
        data[at] = r
        data[at + 1] = g
        data[at + 2] = b
      }
    }
  }
}

/** A shape, its colour around each of its marks too, and specks of all colours over its box. */
function paintShape(
  windows: readonly Window[],
  box: Box,
  inside: (x: number, y: number) => boolean,
  color: Color,
  { marks, grain }: { marks: readonly Box[]; grain: number },
  random: Random,
): void {
  const [left, top, right, bottom] = box
  const centre = (right - left) / 2
  const shade = shadeOf(random, color)
  paint(windows, box, (x, y) => inside((x - centre) / (centre - 0.5), (y - centre) / (centre - 0.5)), shade)
  for (const [x1, y1, x2, y2] of marks) {
    const margin = y2 - y1
    const around: Box = [
      ...([Math.max(left, x1 - margin), Math.max(top, y1 - margin)] as const),
      ...([Math.min(right, x2 + margin), Math.min(bottom, y2 + margin)] as const),
    ]
    paint(windows, around, () => true, shade)
  }
  const [columns, rows] = [Math.floor((right - left) / grain), Math.floor((bottom - top) / grain)]
  for (let i = Math.floor(SPECKLED * columns * rows); i > 0; i--) {
    const [x, y] = [left + grain * random.integer(columns), top + grain * random.integer(rows)]
    paint(windows, [x, y, x + grain, y + grain], () => true, shadeOf(random, pick(random, COLORS)))
  }
}
