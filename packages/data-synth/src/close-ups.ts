// Close-ups of marks: what there is to read in pictures of 4K, without the pictures.
import type { Random } from '@ps3js/tensor'
import {
  anyDigit,
  anyLetters,
  type Color,
  charactersOf,
  grainOf,
  ground,
  type Part,
  paintHost,
  placeHost,
  sideOf,
  type Window,
} from './mark-host.ts'
import { SHAPE_KINDS, type SHAPES } from './shapes.ts'
import { pick } from './splits.ts'
import type { Box, RgbPicture } from './types.ts'

export interface DrawCloseUpsOptions {
  random: Random
  /** Of the shape that both marks lie on. */
  color: Color
  /** On the label: a `digit`, or one to four `letters` in any order. Default `digit`. */
  writing?: 'digit' | 'letters'
  /** Width and height of a close-up in pixels, at least 40. Default 70. */
  size?: number
  /** How many close-ups of where neither mark is. Default 0. */
  beside?: number
}

/** Something to tell apart: a dot, by its colour, or one character. */
export interface Seen {
  what: string
  /** In pixels of the image; it may reach out of it. */
  box: Box
  /** Of a character: how many are before it on its label. */
  place?: number
}

export interface CloseUp {
  image: RgbPicture
  /** Of the mark that it shows, and what else of the other is in it. */
  seen: Seen[]
}

export interface CloseUps {
  /** Of shape. */
  kind: keyof typeof SHAPES
  dot: CloseUp & { color: Color }
  label: CloseUp & { text: string }
  beside: RgbPicture[]
}

/** Of the pictures that close-ups are taken of, and what their marks need. */
const FULL = { size: 3780, needs: [1512, 3780] } as const
const GRAIN = grainOf(FULL.size)

/**
 * Close-ups of a shape as `drawMarks` draws it in a picture of 3780 pixels, with marks that need to be looked at closely there:
 * what is learned from hundreds of them a second is what whole pictures show.
 */
export function drawCloseUps(options: DrawCloseUpsOptions): CloseUps {
  const { random, color, writing = 'digit', size = 70, beside = 0 } = options
  const kind = pick(random, SHAPE_KINDS)
  const side = sideOf(random, FULL.size)
  const write = () => (writing === 'digit' ? anyDigit : anyLetters)(random)
  const host = placeHost(random, { ...FULL, corner: [size, size], side, kind, color, write, most: size - 4 })
  const { dot, label } = host
  const open = (left: number, top: number): Window => ({ ...ground(random, size), left, top })
  const openOn = ({ box: [x1, y1, x2, y2] }: Part) => {
    const from = (low: number, high: number) => high - size + random.integer(low - high + size + 1)
    return open(from(x1, x2), from(y1, y2))
  }
  const isBeside = (x: number, y: number) =>
    [dot, label].every(({ box: [x1, y1, x2, y2] }) => x2 <= x || x1 >= x + size || y2 <= y || y1 >= y + size)
  const openBeside = (): Window => {
    for (;;) {
      const [x, y] = [random.integer(side + size), random.integer(side + size)]
      if (isBeside(x, y)) return open(x, y)
    }
  }
  const windows = [openOn(dot), openOn(label), ...Array.from({ length: beside }, openBeside)]
  paintHost(random, windows, host, GRAIN)
  const there: Seen[] = [{ what: dot.color, box: dot.box }, ...charactersOf(label)]
  const [ofDot, ofLabel, ...others] = windows.map(({ left, top, ...image }) => ({
    image,
    seen: there.flatMap(({ box: [x1, y1, x2, y2], ...one }) => {
      const box: Box = [x1 - left, y1 - top, x2 - left, y2 - top]
      return isWithin(box, size) ? [{ ...one, box }] : []
    }),
  }))
  return {
    kind,
    dot: { ...ofDot!, color: dot.color },
    label: { ...ofLabel!, text: label.text },
    beside: others.map(({ image }) => image),
  }
}

/** In part at least. */
const isWithin = ([x1, y1, x2, y2]: Box, size: number) => x1 < size && y1 < size && x2 > 0 && y2 > 0
