// Coloured shapes that each carry a dot and a label, of a size for every resolution: the toy that questions are about.
// Whole pictures of 4K in a fraction of the time that scenes take.
import { InvalidArgumentError, type Random } from '@ps3js/tensor'
import {
  anyDigit,
  anyLetters,
  CELLS,
  grainOf,
  ground,
  isDrawable,
  type Part,
  paintHost,
  placeHost,
  SHORT_WORDS,
  sideOf,
} from './mark-host.ts'
import { MIN_OBJECT_PIXELS, minResolution, RESOLUTIONS, type Resolution } from './resolution.ts'
import { COLORS, COMBINATIONS, SHAPE_KINDS, type ShapesPicture } from './shapes.ts'
import { pick } from './splits.ts'
import type { Split } from './types.ts'

/** So many of each kind of shape, each of another colour: every number is as often the answer. */
const MEMBERS = [1, 2, 4]
/** Seven of seven combinations are trained; of held-out ones, of which a kind has only two, at least so many. */
const OF_SPLIT: Record<Split, number> = { train: 7, heldout: 4 }

export interface DrawMarksOptions {
  random: Random
  /** Width and height in pixels, at least 512. Default 3780. */
  size?: number
  split?: Split
  /** Long sides, in pixels, of which a dot or a label needs one to be told. Default: all, evenly. */
  needs?: readonly Resolution[]
  /**
   * Writes one to four capitals in any order where words would be: the few words that are as short can be learned by heart
   * without reading. Default false.
   */
  letters?: boolean
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
  letters = false,
}: DrawMarksOptions): ShapesPicture {
  if (!Number.isInteger(size) || size < 512)
    throw new InvalidArgumentError(`size ${size} must be a whole number of at least 512 pixels`)
  const drawable = needs.filter((one) => isDrawable(one, size))
  if (drawable.length === 0)
    throw new InvalidArgumentError(
      `no mark of a picture of ${size} pixels needs ${needs.join(' or ')}: make it larger, or give smaller ones`,
    )
  const image = ground(random, size)
  const cell = size / CELLS
  const places = random.shuffle(Array.from({ length: CELLS * CELLS }, (_, i) => i))
  const members = combine(random, split)
  const objects = members.flatMap(({ color, kind }, i) => {
    const side = sideOf(random, size)
    const place = places[i]!
    const x = Math.floor((place % CELLS) * cell + random.uniform() * (cell - side))
    const y = Math.floor(Math.floor(place / CELLS) * cell + random.uniform() * (cell - side))
    const name = `the ${color} ${kind}`
    const write = () => {
      if (random.integer(2)) return anyDigit(random)
      return letters ? anyLetters(random) : pick(random, SHORT_WORDS[split])
    }
    const host = placeHost(random, { size, corner: [x, y], side, kind, color, needs: drawable, write })
    paintHost(random, [{ ...image, left: 0, top: 0 }], host, grainOf(size))
    const { box, dot, label } = host
    const shape = { box, caption: name, text: '', color, kind }
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
    const [kinds, colors] = [random.shuffle([...SHAPE_KINDS]), random.shuffle([...COLORS])]
    const members = MEMBERS.flatMap((count, i) =>
      Array<(typeof SHAPE_KINDS)[number]>(count).fill(kinds[i]!),
    ).map((kind, i) => ({ kind, color: colors[i]! }))
    const ofSplit = members.filter((member) =>
      COMBINATIONS[split].some(({ color, kind }) => color === member.color && kind === member.kind),
    )
    if (ofSplit.length >= OF_SPLIT[split]) return members
  }
}

const withoutUnit = ({ unit, ...part }: Part) => part
