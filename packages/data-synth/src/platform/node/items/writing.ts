// Things with writing on them: their size follows from the text, so that what can be read is known exactly.
import { type ColorName, css, inkOn, mix, shadeOf } from '../../../colors.ts'
import { type Font, type FontStyle, pickFont } from '../../../fonts.ts'
import { MIN_X_HEIGHT_PIXELS } from '../../../resolution.ts'
import { pick } from '../../../splits.ts'
import type { Box } from '../../../types.ts'
import {
  type Context,
  ellipse,
  fillFlat,
  inset,
  lettering,
  measure,
  polygon,
  rounded,
  writeCentred,
} from '../brush.ts'
import type { Facts } from '../captions.ts'
import type { AddOptions, Area, Stage } from '../stage.ts'
import { pickColor } from './item.ts'

export type Shape = 'plate' | 'pill' | 'round' | 'octagon' | 'diamond' | 'tag' | 'arrow'

interface Outline {
  /** Size around a text of this width and height; `x` is the x-height. */
  size: (width: number, height: number, x: number) => { width: number; height: number }
  draw: (ctx: Context, area: Area, x: number) => void
}

const square = (side: number) => ({ width: side, height: side })
const CORNER = 0.2929

/** What may surround a text; each leaves the text at least half an x-height of room. */
const OUTLINES: Record<Shape, Outline> = {
  plate: {
    size: (w, h, x) => ({ width: w + 2.2 * x, height: h + 1.8 * x }),
    draw: (ctx, area, x) => rounded(ctx, area, 0.4 * x),
  },
  pill: {
    size: (w, h, x) => ({ width: w + 3.4 * x, height: h + 1.7 * x }),
    draw: (ctx, area) => rounded(ctx, area, area.height / 2),
  },
  round: {
    size: (w, h, x) => square(Math.hypot(w, h) + 1.6 * x),
    draw: (ctx, area) => ellipse(ctx, area),
  },
  octagon: {
    size: (w, h, x) => square(Math.hypot(w, h) + 1.6 * x),
    draw: (ctx, area) =>
      polygon(ctx, area, [
        [CORNER, 0],
        [1 - CORNER, 0],
        [1, CORNER],
        [1, 1 - CORNER],
        [1 - CORNER, 1],
        [CORNER, 1],
        [0, 1 - CORNER],
        [0, CORNER],
      ]),
  },
  diamond: {
    size: (w, h, x) => square(w + h + 2 * x),
    draw: (ctx, area) =>
      polygon(ctx, area, [
        [0.5, 0],
        [1, 0.5],
        [0.5, 1],
        [0, 0.5],
      ]),
  },
  tag: {
    size: (w, h, x) => ({ width: w + 4.4 * x, height: h + 1.8 * x }),
    draw: (ctx, area) => {
      const nose = (0.5 * area.height) / area.width
      polygon(ctx, area, [
        [0, 0.5],
        [nose, 0],
        [1, 0],
        [1, 1],
        [nose, 1],
      ])
    },
  },
  arrow: {
    size: (w, h, x) => ({ width: w + 5 * x, height: h + 2.2 * x }),
    draw: (ctx, area) => {
      const nose = (0.5 * area.height) / area.width
      polygon(ctx, area, [
        [0, 0],
        [1 - nose, 0],
        [1, 0.5],
        [1 - nose, 1],
        [0, 1],
      ])
    },
  },
}

export interface Writing {
  kind: string
  text: string
  styles: readonly FontStyle[] | Font
  /** In pixels: see `xHeight`. */
  xHeight: number
  shape?: Shape
  /** A colour of the kind and split; drawn when left out. */
  color?: ColorName
  /** Colours that would vanish on what lies behind. */
  except?: readonly ColorName[]
  /** Width and height in pixels that the thing has at least, such as a whole shop front's. */
  atLeast?: { width?: number; height?: number }
  /** A line inside the outline, in the colour of the letters. */
  isRimmed?: boolean
  /** See `Facts`. */
  also?: string
  /** Reads from top to bottom, as on the spine of a book. */
  isUpright?: boolean
  /** Turned about its centre, in radians. */
  turn?: number
}

/** An x-height from `low` to `high` pixels of a picture of 3840, and never too small to be read in this one. */
export const xHeight = (stage: Stage, low: number, high: number): number =>
  Math.max(MIN_X_HEIGHT_PIXELS + 0.5, stage.px(stage.magnitude(low, high)))

/** A thing with writing, measured and coloured, waiting for a place. */
export interface Prepared {
  width: number
  height: number
  /** Adds it with its upper left corner at x, y. */
  addAt: (x: number, y: number, options?: AddOptions) => Box | null
  /** Adds it somewhere free in a zone. Gives the area it takes. */
  addIn: (zone: Area) => Area | null
}

export function prepareWriting(stage: Stage, writing: Writing): Prepared {
  const {
    kind,
    text,
    styles,
    xHeight: x,
    shape = 'plate',
    except,
    atLeast,
    isRimmed,
    isUpright,
    turn = 0,
    also,
  } = writing
  const letters = lettering(fontOf(stage, styles), x)
  const ink = measure(letters, text)
  const outline = OUTLINES[shape]
  const needed = outline.size(ink.width, ink.ascent + ink.descent, x)
  const size = {
    width: Math.max(needed.width, atLeast?.width ?? 0),
    height: Math.max(needed.height, atLeast?.height ?? 0),
  }
  const color = writing.color ?? pickColor(stage, kind, except)
  const shade = shadeOf(stage.random, color)
  const angle = turn + (isUpright ? Math.PI / 2 : 0)
  const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))]
  return prepared(
    stage,
    { width: size.width * cos + size.height * sin, height: size.width * sin + size.height * cos },
    { kind, color, text, xHeight: x, also },
    (ctx, { x: left, y: top, width, height }) => {
      ctx.translate(left + width / 2, top + height / 2)
      ctx.rotate(angle)
      const area = { x: -size.width / 2, y: -size.height / 2, ...size }
      outline.draw(ctx, area, x)
      fillFlat(ctx, area, shade, 0.08)
      if (isRimmed) {
        outline.draw(ctx, inset(area, 0.3 * x), x)
        ctx.lineWidth = 0.16 * x
        ctx.strokeStyle = css(mix(shade, inkOn(shade), 0.85))
        ctx.stroke()
      }
      writeCentred(ctx, area, letters, text, inkOn(shade))
    },
  )
}

function prepared(
  stage: Stage,
  { width, height }: { width: number; height: number },
  facts: Facts,
  paint: (ctx: Context, area: Area) => void,
): Prepared {
  const place = (area: Area, options?: AddOptions) =>
    stage.add(area, facts, (ctx) => paint(ctx, area), options)
  return {
    width,
    height,
    addAt: (x, y, options) => place({ x, y, width, height }, options),
    addIn: (zone) => {
      const area = stage.findPlace(width, height, zone)
      return area && place(area) ? area : null
    },
  }
}

export interface Lettered {
  kind: string
  text: string
  styles: readonly FontStyle[] | Font
  xHeight: number
  color?: ColorName
  except?: readonly ColorName[]
  /** Print in black or white on a quiet ground: no outline, and a caption without colour. */
  isPlain?: boolean
  /** See `Facts`. */
  also?: string
}

/** Letters without a ground of their own; coloured ones get an outline that contrasts with them. */
export function prepareLetters(
  stage: Stage,
  { kind, text, styles, xHeight: x, color: wanted, except, isPlain, also }: Lettered,
): Prepared {
  const letters = lettering(fontOf(stage, styles), x)
  const ink = measure(letters, text)
  const rim = isPlain ? 0 : 0.22 * x
  const size = {
    width: ink.width + 2 * rim + 0.6 * x,
    height: ink.ascent + ink.descent + 2 * rim + 0.2 * x,
  }
  const color = wanted ?? pickColor(stage, kind, except)
  const shade = shadeOf(stage.random, color)
  return prepared(stage, size, { kind, color, text, xHeight: x, isPlain, also }, (ctx, area) => {
    if (!isPlain) {
      ctx.font = letters.css
      ctx.textAlign = 'center'
      ctx.lineJoin = 'round'
      ctx.lineWidth = 2 * rim
      ctx.strokeStyle = css(inkOn(shade))
      ctx.strokeText(text, area.x + area.width / 2, area.y + area.height / 2 + (ink.ascent - ink.descent) / 2)
    }
    writeCentred(ctx, area, letters, text, shade)
  })
}

/** One that everything on a page shares, or one drawn from the styles. */
const fontOf = (stage: Stage, styles: readonly FontStyle[] | Font): Font =>
  'family' in styles ? styles : pickFont(stage.random, stage.split, styles)

/** One of the shapes. */
export const pickShape = (stage: Stage, shapes: readonly Shape[]): Shape => pick(stage.random, shapes)
