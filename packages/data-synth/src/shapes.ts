// Coloured shapes on noise, drawn straight into RGB bytes: the toy that training examples learn from, in any browser.
import { InvalidArgumentError, type Random } from '@ps3js/tensor'
import { type Rgb, shadeOf } from './colors.ts'
import { MIN_OBJECT_PIXELS, minResolution } from './resolution.ts'
import type { Box, RgbPicture, Split, SynthObject } from './types.ts'
import { withArticle } from './words.ts'

/** Their order decides which combinations are held out. */
export const COLORS = ['red', 'green', 'blue', 'yellow', 'orange', 'purple', 'cyan', 'white'] as const

/** Whether (x, y), in [-1, 1] from the centre, y downwards, lies inside. Each touches all four sides of that square. */
export const SHAPES = {
  circle: (x: number, y: number) => x * x + y * y <= 1,
  square: () => true,
  triangle: (x: number, y: number) => 2 * Math.abs(x) <= y + 1,
  diamond: (x: number, y: number) => Math.abs(x) + Math.abs(y) <= 1,
  cross: (x: number, y: number) => Math.abs(x) <= 0.34 || Math.abs(y) <= 0.34,
  ring: (x: number, y: number) => x * x + y * y <= 1 && x * x + y * y >= 0.3,
  bow: (x: number, y: number) => Math.abs(y) <= Math.abs(x),
  frame: (x: number, y: number) => Math.abs(x) >= 0.55 || Math.abs(y) >= 0.55,
} as const

/** Of shapes. */
export const SHAPE_KINDS = Object.keys(SHAPES) as (keyof typeof SHAPES)[]

interface Combination {
  color: (typeof COLORS)[number]
  kind: keyof typeof SHAPES
}

/** Every colour and every shape occurs in both splits; a quarter of the 64 combinations is held out. */
export const COMBINATIONS: Record<Split, Combination[]> = { train: [], heldout: [] }
for (const [c, color] of COLORS.entries()) {
  for (const [k, kind] of SHAPE_KINDS.entries()) {
    COMBINATIONS[(c + 3 * k) % 4 === 0 ? 'heldout' : 'train'].push({ color, kind })
  }
}

/** The captions ("red circle") of a split: 48 to train with, 16 held out. */
export function shapeCaptions(split: Split): string[] {
  return COMBINATIONS[split].map(({ color, kind }) => `${color} ${kind}`)
}

export interface DrawShapesOptions {
  random: Random
  /** Width and height in pixels, at least 64. */
  size?: number
  /** How many, each of another colour and shape: 1 to 48, or to 16 from the held-out split. */
  objects?: number
  split?: Split
}

export interface ShapesPicture {
  image: RgbPicture
  objects: SynthObject[]
  globalCaption: string
}

const COLOR_JITTER = 20

/**
 * Draws shapes that neither overlap nor repeat a caption. Each spans .28 to .45 of a cell of the grid it lies in: 34 to
 * 54 pixels of 480 when there are eight.
 * @throws InvalidArgumentError when the picture is too small, or more objects are wanted than the split has.
 */
export function drawShapes({
  random,
  size = 480,
  objects: count = 8,
  split = 'train',
}: DrawShapesOptions): ShapesPicture {
  const combinations = COMBINATIONS[split]
  if (!Number.isInteger(size) || size < 64)
    throw new InvalidArgumentError(`size ${size} must be a whole number of at least 64 pixels`)
  if (!Number.isInteger(count) || count < 1 || count > combinations.length)
    throw new InvalidArgumentError(
      `objects ${count} must be between 1 and ${combinations.length}, the number of combinations in split "${split}"`,
    )
  const data = noise(random, size, size)
  // Half of the cells stay empty.
  const cells = Math.ceil(Math.sqrt(2 * count))
  const cell = size / cells
  const places = random.shuffle(Array.from({ length: cells * cells }, (_, i) => i)).slice(0, count)
  const chosen = random.shuffle([...combinations]).slice(0, count)
  const objects = chosen.map(({ color, kind }, i): SynthObject => {
    // Odd, so that a centre pixel exists and every shape touches all four sides of its box.
    const side = Math.floor(cell * (0.28 + 0.17 * random.uniform())) | 1
    const place = places[i]!
    const x1 = Math.floor((place % cells) * cell + random.uniform() * (cell - side))
    const y1 = Math.floor(Math.floor(place / cells) * cell + random.uniform() * (cell - side))
    const box: Box = [x1, y1, x1 + side, y1 + side]
    paint(data, size, box, SHAPES[kind], shadeOf(random, color, COLOR_JITTER))
    return {
      box,
      caption: `${color} ${kind}`,
      text: '',
      color,
      kind,
      minResolution: minResolution(size, side, MIN_OBJECT_PIXELS),
      split,
    }
  })
  const globalCaption = `a picture of ${objects.map(({ caption }) => withArticle(caption)).join(', ')}`
  return { image: { width: size, height: size, data }, objects, globalCaption }
}

/** Grey of a random lightness with independent noise in every channel. */
export function noise(random: Random, height: number, width: number): Uint8Array {
  const data = new Uint8Array(height * width * 3)
  const base = 64 + random.integer(64)
  for (let i = 0; i < data.length; i += 3) {
    const bits = random.uint32()
    data[i] = base + (bits & 63)
    data[i + 1] = base + ((bits >>> 8) & 63)
    data[i + 2] = base + ((bits >>> 16) & 63)
  }
  return data
}

function paint(
  data: Uint8Array,
  size: number,
  [x1, y1, x2, y2]: Box,
  inside: (x: number, y: number) => boolean,
  rgb: Rgb,
): void {
  const centre = (x2 - x1 - 1) / 2
  for (let y = y1; y < y2; y++) {
    const v = (y - y1 - centre) / centre
    for (let x = x1; x < x2; x++) {
      if (inside((x - x1 - centre) / centre, v)) data.set(rgb, (y * size + x) * 3)
    }
  }
}
