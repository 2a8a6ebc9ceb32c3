// Coloured shapes that each carry a dot and a label, of a size for every resolution: the toy that questions are about.
// Drawn straight into RGB bytes, whole pictures of 4K in a fraction of the time that scenes take.
import { InvalidArgumentError, type Random } from '@ps3js/tensor'
import { type Rgb, shadeOf } from './colors.ts'
import { GLYPH_ROWS, GLYPH_X_ROWS, isInk, textColumns } from './glyphs.ts'
import {
  MIN_OBJECT_PIXELS,
  MIN_X_HEIGHT_PIXELS,
  minResolution,
  RESOLUTIONS,
  type Resolution,
} from './resolution.ts'
import { COLORS, COMBINATIONS, noise, SHAPES, type ShapesPicture } from './shapes.ts'
import { pick, splitOfWord } from './splits.ts'
import type { Box, RgbPicture, Split, SynthObject } from './types.ts'
import { WORDS } from './words.ts'

type Color = (typeof COLORS)[number]

const KINDS = Object.keys(SHAPES) as (keyof typeof SHAPES)[]

/** So many of each kind of shape, each of another colour: every number is as often the answer. */
const MEMBERS = [1, 2, 4]
/** Seven of seven combinations are trained; of held-out ones, of which a kind has only two, at least so many. */
const OF_SPLIT: Record<Split, number> = { train: 7, heldout: 4 }
const CELLS = 5

/** Longest word on a label, in letters. */
const LONGEST_WORD = 4

/**
 * Side of a picture over that of the finest dots, and likewise of labels: at its own size a dot is no less than 13 pixels,
 * and a letter's strokes no less than 2.
 */
const FINEST = 0.6

/** Specks, as a share of a shape's box: where a scale skips pixels, the one that it takes of a dot tells nothing. */
const SPECKLED = 0.12

export interface DrawMarksOptions {
  random: Random
  /** Width and height in pixels, at least 512. Default 3780. */
  size?: number
  split?: Split
  /** Long sides, in pixels, of which a dot or a label needs one to be told. Default: all, evenly. */
  needs?: readonly Resolution[]
}

/**
 * Draws seven shapes of different colours on noise. Objects are shapes, dots and labels; a dot and a label lie within their
 * shape's box.
 * @throws InvalidArgumentError when the picture is too small, also for all of `needs`
 */
export function drawMarks({
  random,
  size = 3780,
  split = 'train',
  needs = RESOLUTIONS,
}: DrawMarksOptions): ShapesPicture {
  if (!Number.isInteger(size) || size < 512)
    throw new InvalidArgumentError(`size ${size} must be a whole number of at least 512 pixels`)
  const drawable = needs.filter((one) => (below(one) ?? 0) < FINEST * size)
  if (drawable.length === 0)
    throw new InvalidArgumentError(
      `no mark of a picture of ${size} pixels needs ${needs.join(' or ')}: make it larger, or give smaller ones`,
    )
  const image = ground(random, size)
  const cell = size / CELLS
  const places = random.shuffle(Array.from({ length: CELLS * CELLS }, (_, i) => i))
  const members = combine(random, split)
  const objects = members.flatMap(({ color, kind }, i) => {
    // Odd, so that a centre pixel exists and every shape touches all four sides of its box.
    const side = Math.floor(cell * (0.25 + 0.17 * random.uniform())) | 1
    const place = places[i]!
    const x = Math.floor((place % CELLS) * cell + random.uniform() * (cell - side))
    const y = Math.floor(Math.floor(place / CELLS) * cell + random.uniform() * (cell - side))
    const box: Box = [x, y, x + side, y + side]
    const name = `the ${color} ${kind}`
    const shape = { box, caption: name, text: '', color, kind }
    // One in the upper half, the other in the lower.
    const half = Math.floor(side / 2)
    const [dotTop, labelTop] = random.integer(2) ? [y, y + half] : [y + half, y]
    const other = pick(
      random,
      COLORS.filter((one) => one !== color),
    )
    const dot = placeDot(size, [x, dotTop, x + side, dotTop + half], other, drawable, random)
    const label = placeLabel(size, [x, labelTop, x + side, labelTop + half], split, drawable, random)
    const grain = Math.max(1, Math.round(size / 1260))
    paintShape(image, box, SHAPES[kind], color, { marks: [dot.box, label.box], grain }, random)
    paintDot(image, dot, random)
    paintLabel(image, label, random)
    return [
      { ...shape, minResolution: minResolution(size, side, MIN_OBJECT_PIXELS), split },
      { ...withoutUnit(dot), caption: `the dot on ${name}`, split },
      { ...withoutUnit(label), caption: `the label on ${name}`, split },
    ]
  })
  const kinds = new Set(members.map(({ kind }) => kind))
  return { image, objects, globalCaption: `coloured shapes: ${[...kinds].join(', ')}` }
}

/** Shapes of as many colours: with a colour alone one knows which is meant, and with its form too. */
function combine(random: Random, split: Split) {
  for (;;) {
    const [kinds, colors] = [random.shuffle([...KINDS]), random.shuffle([...COLORS])]
    const members = MEMBERS.flatMap((count, i) => Array<(typeof KINDS)[number]>(count).fill(kinds[i]!)).map(
      (kind, i) => ({ kind, color: colors[i]! }),
    )
    const ofSplit = members.filter((member) =>
      COMBINATIONS[split].some(({ color, kind }) => color === member.color && kind === member.kind),
    )
    if (ofSplit.length >= OF_SPLIT[split]) return members
  }
}

export interface DrawMarkOptions {
  random: Random
  kind: 'dot' | 'label'
  /** Of what it lies on. */
  on: Color
  /** On a label: a `digit`, one to four `letters`, or a `word` as short. Default `digit`. */
  writing?: 'digit' | 'letters' | 'word'
  /** Width and height in pixels, at least 40. Default 70. */
  size?: number
}

const DIGITS = [...'0123456789']
const CAPITALS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']

const WRITE: Record<NonNullable<DrawMarkOptions['writing']>, (random: Random) => string> = {
  digit: (random) => pick(random, DIGITS),
  letters: (random) =>
    Array.from({ length: 1 + random.integer(LONGEST_WORD) }, () => pick(random, CAPITALS)).join(''),
  word: (random) => pick(random, SHORT_WORDS.train),
}

/** Pixels of a dot, and of a column of a label's letters, that need 1512 or 3780 in a picture of 4K. */
const SIZES = { dot: [13, 40], label: [2, 6] } as const

/**
 * A close look at one mark, of any size at which a picture of 4K needs to be looked at closely: a dot of another colour, or a
 * label.
 */
export function drawMark({ random, kind, on, writing = 'digit', size = 70 }: DrawMarkOptions): {
  image: RgbPicture
  /** The dot's, or black. */
  color: string
  /** The label's, or none. */
  text: string
} {
  const image = { width: size, height: size, data: new Uint8Array(size * size * 3) }
  const all: Box = [0, 0, size, size]
  const within: Box = [2, 2, size - 2, size - 2]
  paintShape(image, all, () => true, on, { marks: [], grain: 1 + random.integer(3) }, random)
  const [low, high] = SIZES[kind]
  const wanted = low * (high / low) ** random.uniform()
  if (kind === 'dot') {
    const color = pick(
      random,
      COLORS.filter((one) => one !== on),
    )
    const unit = Math.min(Math.round(wanted), size - 4)
    const part = { text: '', color, kind, minResolution: 0, unit, box: placeIn(within, unit, unit, random) }
    paintDot(image, part, random)
    return { image, color, text: '' }
  }
  const text = WRITE[writing](random)
  const [columns, rows] = [textColumns(text) + 2, GLYPH_ROWS + 2]
  const unit = Math.min(wanted, (size - 4) / Math.max(columns, rows))
  const box = placeIn(within, Math.floor(columns * unit), Math.floor(rows * unit), random)
  paintLabel(image, { text, color: 'black', kind, minResolution: 0, unit, box }, random)
  return { image, color: 'black', text }
}

/** Rows of noise that a picture's rows are taken from. */
const NOISE_ROWS = 64

/** Noise like that of shapes, drawn once for a few rows: each row of the picture is one of them, turned to begin elsewhere. */
function ground(random: Random, size: number): RgbPicture {
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

/** The next smaller resolution. */
const below = (resolution: Resolution) => RESOLUTIONS[RESOLUTIONS.indexOf(resolution) - 1]

/** What an object of `needed` pixels measures in a picture of `size`, evenly over resolutions and magnitudes in each. */
function extentOf(random: Random, size: number, needed: number, needs: readonly Resolution[]): number {
  const resolution = pick(random, needs)
  const high = Math.min(resolution, FINEST * size)
  const low = 1.001 * (below(resolution) ?? 0.8 * high)
  return (needed * size) / (low * (high / low) ** random.uniform())
}

interface Part extends Omit<SynthObject, 'caption' | 'split'> {
  /** Pixels of a dot's width, or of one column of a label's letters. */
  unit: number
}

const withoutUnit = ({ unit, ...part }: Part) => part

/** A dot somewhere in the area. */
function placeDot(
  size: number,
  area: Box,
  color: Color,
  needs: readonly Resolution[],
  random: Random,
): Part & { color: Color } {
  const room = area[3] - area[1]
  const unit = Math.min(Math.round(extentOf(random, size, MIN_OBJECT_PIXELS, needs)), room - 2)
  const box = placeIn(area, unit, unit, random)
  const needed = minResolution(size, unit, MIN_OBJECT_PIXELS)
  return { box, text: '', color, kind: 'dot', minResolution: needed, unit }
}

function paintDot(
  image: RgbPicture,
  { box, color, unit }: ReturnType<typeof placeDot>,
  random: Random,
): void {
  const isDisc = (x: number, y: number) => (2 * x - unit) ** 2 + (2 * y - unit) ** 2 <= unit ** 2
  paint(image, box, isDisc, shadeOf(random, color))
}

/** A label with a digit or a short word somewhere in the area. */
function placeLabel(
  size: number,
  area: Box,
  split: Split,
  needs: readonly Resolution[],
  random: Random,
): Part {
  const text = random.integer(2) ? String(random.integer(10)) : pick(random, SHORT_WORDS[split])
  const [columns, rows] = [textColumns(text) + 2, GLYPH_ROWS + 2]
  // No more than there is room for.
  const unit = Math.min(
    extentOf(random, size, MIN_X_HEIGHT_PIXELS, needs) / GLYPH_X_ROWS,
    (area[2] - area[0]) / columns,
    (area[3] - area[1]) / rows,
  )
  const box = placeIn(area, Math.floor(columns * unit), Math.floor(rows * unit), random)
  const needed = minResolution(size, unit * GLYPH_X_ROWS, MIN_X_HEIGHT_PIXELS)
  return { box, text, color: 'black', kind: 'label', minResolution: needed, unit }
}

/** White on black: what is written is hard enough to make out in one pair of colours. */
function paintLabel(image: RgbPicture, { box, text, unit }: Part, random: Random): void {
  paint(image, box, () => true, shadeOf(random, 'black'))
  const columns = textColumns(text)
  const isLetter = (x: number, y: number) => {
    const [column, row] = [Math.floor(x / unit) - 1, Math.floor(y / unit) - 1]
    return column >= 0 && column < columns && row >= 0 && row < GLYPH_ROWS && isInk(text, column, row)
  }
  paint(image, box, isLetter, shadeOf(random, 'white'))
}

const ofLength = (split: Split): string[] => [
  ...new Set(
    Object.values(WORDS)
      .flat()
      .filter((word) => word.length <= LONGEST_WORD && splitOfWord(word) === split)
      .map((word) => word.toUpperCase()),
  ),
]

const SHORT_WORDS: Record<Split, string[]> = { train: ofLength('train'), heldout: ofLength('heldout') }

function placeIn([x1, y1, x2, y2]: Box, width: number, height: number, random: Random): Box {
  const x = x1 + random.integer(x2 - x1 - width + 1)
  const y = y1 + random.integer(y2 - y1 - height + 1)
  return [x, y, x + width, y + height]
}

/** Every pixel of the box whose centre lies inside. x, y: from the box's corner to that centre. */
function paint(
  { width, data }: RgbPicture,
  [x1, y1, x2, y2]: Box,
  inside: (x: number, y: number) => boolean,
  [r, g, b]: Rgb,
): void {
  for (let y = y1; y < y2; y++) {
    for (let x = x1, at = (y * width + x1) * 3; x < x2; x++, at += 3) {
      if (!inside(x - x1 + 0.5, y - y1 + 0.5)) continue
      data[at] = r
      data[at + 1] = g
      data[at + 2] = b
    }
  }
}

/** A shape, its colour around each of its marks too, and specks of all colours over its box. */
function paintShape(
  image: RgbPicture,
  box: Box,
  inside: (x: number, y: number) => boolean,
  color: Color,
  { marks, grain }: { marks: readonly Box[]; grain: number },
  random: Random,
): void {
  const [left, top, right, bottom] = box
  const centre = (right - left) / 2
  const shade = shadeOf(random, color)
  paint(image, box, (x, y) => inside((x - centre) / (centre - 0.5), (y - centre) / (centre - 0.5)), shade)
  for (const [x1, y1, x2, y2] of marks) {
    const margin = y2 - y1
    const around: Box = [
      ...([Math.max(left, x1 - margin), Math.max(top, y1 - margin)] as const),
      ...([Math.min(right, x2 + margin), Math.min(bottom, y2 + margin)] as const),
    ]
    paint(image, around, () => true, shade)
  }
  const [columns, rows] = [Math.floor((right - left) / grain), Math.floor((bottom - top) / grain)]
  for (let i = Math.floor(SPECKLED * columns * rows); i > 0; i--) {
    const [x, y] = [left + grain * random.integer(columns), top + grain * random.integer(rows)]
    paint(image, [x, y, x + grain, y + grain], () => true, shadeOf(random, pick(random, COLORS)))
  }
}
