// Things with writing on them: their size follows from the text, so that what can be read is known exactly.
import { type ColorName, css, inkOn, mix, type Rgb, shadeOf } from '../../../colors.ts'
import { type FontStyle, pickFont } from '../../../fonts.ts'
import { MIN_X_HEIGHT_PIXELS } from '../../../resolution.ts'
import { pick } from '../../../splits.ts'
import type { Box } from '../../../types.ts'
import {
  type Context,
  ellipse,
  fillFlat,
  type Lettering,
  lettering,
  measure,
  polygon,
  rounded,
  writeCentred,
} from '../brush.ts'
import type { Area, Stage } from '../stage.ts'
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
  styles: readonly FontStyle[]
  /** In pixels: see `xHeight`. */
  xHeight: number
  shape?: Shape
  /** A colour of the kind and split; drawn when left out. */
  color?: ColorName
  /** Colours that would vanish on what lies behind. */
  except?: readonly ColorName[]
  /** Width and height in pixels that the thing has at least, such as a whole shop front's. */
  atLeast?: { width?: number; height?: number }
  /** A second outline in the colour of the letters. */
  isRimmed?: boolean
}

/** An x-height from `low` to `high` pixels of a picture of 3840, and never too small to be read in this one. */
export const xHeight = (stage: Stage, low: number, high: number): number =>
  Math.max(MIN_X_HEIGHT_PIXELS + 0.5, stage.px(stage.magnitude(low, high)))

/** A thing with writing, measured and coloured, waiting for a place. */
export interface Prepared {
  width: number
  height: number
  /** Adds it with its upper left corner at x, y. */
  addAt: (x: number, y: number, host?: Box) => Box | null
  /** Adds it somewhere free in a zone. Gives the area it takes. */
  addIn: (zone: Area) => Area | null
}

export function prepareWriting(stage: Stage, writing: Writing): Prepared {
  const { kind, text, styles, xHeight: x, shape = 'plate', except, atLeast, isRimmed } = writing
  const letters = lettering(pickFont(stage.random, stage.split, styles), x)
  const ink = measure(letters, text)
  const outline = OUTLINES[shape]
  const needed = outline.size(ink.width, ink.ascent + ink.descent, x)
  const width = Math.max(needed.width, atLeast?.width ?? 0)
  const height = Math.max(needed.height, atLeast?.height ?? 0)
  const color = writing.color ?? pickColor(stage, kind, except)
  const shade = shadeOf(stage.random, color)
  const place = (area: Area, host?: Box) =>
    stage.add(
      area,
      { kind, color, text, xHeight: x },
      (ctx) => paintWriting(ctx, area, outline, letters, text, shade, isRimmed),
      host,
    )
  return {
    width,
    height,
    addAt: (left, top, host) => place({ x: left, y: top, width, height }, host),
    addIn: (zone) => {
      const area = stage.findPlace(width, height, zone)
      return area && place(area) ? area : null
    },
  }
}

function paintWriting(
  ctx: Context,
  area: Area,
  outline: Outline,
  letters: Lettering,
  text: string,
  shade: Rgb,
  isRimmed = false,
): void {
  const ink = inkOn(shade)
  const x = letters.xHeight
  outline.draw(ctx, area, x)
  fillFlat(ctx, area, shade, 0.08)
  if (isRimmed) {
    ctx.save()
    ctx.clip()
    ctx.lineWidth = 0.5 * x
    ctx.strokeStyle = css(mix(shade, ink, 0.85))
    ctx.stroke()
    ctx.restore()
  }
  writeCentred(ctx, area, letters, text, ink)
}

export interface Lettered {
  kind: string
  text: string
  styles: readonly FontStyle[]
  xHeight: number
  color?: ColorName
  except?: readonly ColorName[]
  /** Print in black or white on a quiet ground: no outline, and a caption without colour. */
  isPlain?: boolean
}

/** Letters without a ground of their own; coloured ones get an outline that contrasts with them. */
export function prepareLetters(
  stage: Stage,
  { kind, text, styles, xHeight: x, color: wanted, except, isPlain }: Lettered,
): Prepared {
  const letters = lettering(pickFont(stage.random, stage.split, styles), x)
  const ink = measure(letters, text)
  const rim = isPlain ? 0 : 0.3 * x
  const width = ink.width + 2 * rim + 0.6 * x
  const height = ink.ascent + ink.descent + 2 * rim + 0.2 * x
  const color = wanted ?? pickColor(stage, kind, except)
  const shade = shadeOf(stage.random, color)
  const place = (area: Area, host?: Box) =>
    stage.add(
      area,
      { kind, color, text, xHeight: x, isPlain },
      (ctx) => {
        if (!isPlain) {
          ctx.font = letters.css
          ctx.textAlign = 'center'
          ctx.lineJoin = 'round'
          ctx.lineWidth = 2 * rim
          ctx.strokeStyle = css(inkOn(shade))
          ctx.strokeText(
            text,
            area.x + area.width / 2,
            area.y + area.height / 2 + (ink.ascent - ink.descent) / 2,
          )
        }
        writeCentred(ctx, area, letters, text, shade)
      },
      host,
    )
  return {
    width,
    height,
    addAt: (left, top, host) => place({ x: left, y: top, width, height }, host),
    addIn: (zone) => {
      const area = stage.findPlace(width, height, zone)
      return area && place(area) ? area : null
    },
  }
}

/** One of the shapes. */
export const pickShape = (stage: Stage, shapes: readonly Shape[]): Shape => pick(stage.random, shapes)
