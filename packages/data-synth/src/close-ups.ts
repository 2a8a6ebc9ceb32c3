// Close-ups of marks: what there is to read in pictures of 4K, without the pictures.
import type { Random } from '@ps3js/tensor'
import {
  type Color,
  ground,
  LONGEST_WORD,
  type Part,
  paintHost,
  placeHost,
  SHORT_WORDS,
  sideOf,
} from './mark-host.ts'
import { SHAPES } from './shapes.ts'
import { pick } from './splits.ts'
import type { RgbPicture } from './types.ts'

const KINDS = Object.keys(SHAPES) as (keyof typeof SHAPES)[]

export interface DrawCloseUpsOptions {
  random: Random
  /** Of the shape that both marks lie on. */
  color: Color
  /**
   * On the label: a `digit`, one `character` (as many digits as capitals), one to four `letters`, or a `word` as short. Default
   * `digit`.
   */
  writing?: 'digit' | 'character' | 'letters' | 'word'
  /** Width and height of a close-up in pixels, at least 40. Default 70. */
  size?: number
  /** How many close-ups of where neither mark is. Default 0. */
  beside?: number
}

export interface CloseUps {
  /** Of shape. */
  kind: keyof typeof SHAPES
  dot: { image: RgbPicture; color: Color }
  label: { image: RgbPicture; text: string }
  beside: RgbPicture[]
}

const DIGITS = [...'0123456789']
const CAPITALS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']

const WRITE: Record<NonNullable<DrawCloseUpsOptions['writing']>, (random: Random) => string> = {
  digit: (random) => pick(random, DIGITS),
  character: (random) => pick(random, pick(random, [DIGITS, CAPITALS])),
  letters: (random) =>
    Array.from({ length: 1 + random.integer(LONGEST_WORD) }, () => pick(random, CAPITALS)).join(''),
  word: (random) => pick(random, SHORT_WORDS.train),
}

/** Of the pictures that close-ups are taken of, and what their marks need. */
const FULL = { size: 3780, needs: [1512, 3780] } as const

/**
 * Close-ups of a shape as `drawMarks` draws it in a picture of 3780 pixels, with marks that need to be looked at closely there:
 * what is learned from hundreds of them a second is what whole pictures show.
 */
export function drawCloseUps(options: DrawCloseUpsOptions): CloseUps {
  const { random, color, writing = 'digit', size = 70, beside = 0 } = options
  const kind = pick(random, KINDS)
  const side = sideOf(random, FULL.size)
  const write = () => WRITE[writing](random)
  const host = placeHost(random, { ...FULL, corner: [size, size], side, kind, color, write, most: size - 4 })
  const image = ground(random, side + 2 * size)
  paintHost(random, image, host, 3)
  const { dot, label } = host
  const show = ({ box: [x1, y1, x2, y2] }: Part) => {
    const from = (low: number, high: number) => high - size + random.integer(low - high + size + 1)
    return cut(image, from(x1, x2), from(y1, y2), size)
  }
  const isBeside = (x: number, y: number) =>
    [dot, label].every(({ box: [x1, y1, x2, y2] }) => x2 <= x || x1 >= x + size || y2 <= y || y1 >= y + size)
  const elsewhere = () => {
    for (;;) {
      const [x, y] = [random.integer(side + size), random.integer(side + size)]
      if (isBeside(x, y)) return cut(image, x, y, size)
    }
  }
  return {
    kind,
    dot: { image: show(dot), color: dot.color },
    label: { image: show(label), text: label.text },
    beside: Array.from({ length: beside }, elsewhere),
  }
}

/** A square with its upper left corner at x, y. */
function cut({ width, data }: RgbPicture, x: number, y: number, size: number): RgbPicture {
  const part = new Uint8Array(size * size * 3)
  for (let row = 0; row < size; row++) {
    const from = 3 * ((y + row) * width + x)
    part.set(data.subarray(from, from + 3 * size), 3 * row * size)
  }
  return { width: size, height: size, data: part }
}
