// Strokes that all drawings share: outlines in unit coordinates, shading, text of a known x-height.
import type { SKRSContext2D } from '@napi-rs/canvas'
import { createCanvas } from '@napi-rs/canvas'
import { css, type Rgb } from '../../colors.ts'
import type { Font } from '../../fonts.ts'
import { fontName } from './assets.ts'
import type { Area } from './stage.ts'

export type Context = SKRSContext2D

/** Closed polygon through points in [0, 1] of the area. */
export function polygon(
  ctx: Context,
  { x, y, width, height }: Area,
  points: readonly (readonly [number, number])[],
): void {
  ctx.beginPath()
  for (const [u, v] of points) ctx.lineTo(x + u * width, y + v * height)
  ctx.closePath()
}

export function rounded(ctx: Context, { x, y, width, height }: Area, radius: number): void {
  ctx.beginPath()
  ctx.roundRect(x, y, width, height, Math.min(radius, width / 2, height / 2))
}

export function ellipse(ctx: Context, { x, y, width, height }: Area): void {
  ctx.beginPath()
  ctx.ellipse(x + width / 2, y + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI)
}

/** Part of an area, in shares of it. */
export const part = (
  { x, y, width, height }: Area,
  left: number,
  top: number,
  w: number,
  h: number,
): Area => ({
  x: x + left * width,
  y: y + top * height,
  width: w * width,
  height: h * height,
})

/** Smaller by `margin` on every side. */
export const inset = ({ x, y, width, height }: Area, margin: number): Area => ({
  x: x + margin,
  y: y + margin,
  width: Math.max(0, width - 2 * margin),
  height: Math.max(0, height - 2 * margin),
})

/** Fills the current path, lighter on the left and darker on the right as if round. */
export function fillRound(ctx: Context, { x, width }: Area, color: Rgb, strength = 0.28): void {
  ctx.fillStyle = css(color)
  ctx.fill()
  const light = ctx.createLinearGradient(x, 0, x + width, 0)
  light.addColorStop(0, css([0, 0, 0], strength * 0.5))
  light.addColorStop(0.3, css([255, 255, 255], strength))
  light.addColorStop(0.6, css([255, 255, 255], 0))
  light.addColorStop(1, css([0, 0, 0], strength))
  ctx.fillStyle = light
  ctx.fill()
}

/** Fills the current path, a little darker towards the bottom. */
export function fillFlat(ctx: Context, { y, height }: Area, color: Rgb, strength = 0.16): void {
  ctx.fillStyle = css(color)
  ctx.fill()
  const light = ctx.createLinearGradient(0, y, 0, y + height)
  light.addColorStop(0, css([255, 255, 255], strength))
  light.addColorStop(0.5, css([255, 255, 255], 0))
  light.addColorStop(1, css([0, 0, 0], strength))
  ctx.fillStyle = light
  ctx.fill()
}

/** A soft shadow that fills the area as an ellipse. It belongs to the ground, not to the object. */
export function shadow(ctx: Context, area: Area, strength = 0.55): void {
  const { x, y, width, height } = area
  ctx.save()
  ctx.translate(x + width / 2, y + height / 2)
  ctx.scale(width / 2, height / 2)
  const fill = ctx.createRadialGradient(0, 0, 0.3, 0, 0, 1)
  fill.addColorStop(0, css([0, 0, 0], strength))
  fill.addColorStop(1, css([0, 0, 0], 0))
  ctx.fillStyle = fill
  ctx.fillRect(-1, -1, 2, 2)
  ctx.restore()
}

/** A soft shadow around a rectangle that hangs or lies. */
export function dropShadow(ctx: Context, { x, y, width, height }: Area, blur: number): void {
  ctx.save()
  ctx.shadowColor = css([0, 0, 0], 0.5)
  ctx.shadowBlur = blur
  ctx.shadowOffsetY = blur / 3
  ctx.fillStyle = css([60, 60, 60])
  ctx.fillRect(x, y, width, height)
  ctx.restore()
}

const ruler = createCanvas(8, 8).getContext('2d')
const proportions = new Map<string, number>()

/** A font at the size at which its lower-case x is `xHeight` pixels high, and what it needs for a text. */
export interface Lettering {
  css: string
  xHeight: number
  size: number
}

/** Call it after `loadAssets`. */
export function lettering({ family, weight }: Font, xHeight: number): Lettering {
  const name = fontName(family, weight)
  let proportion = proportions.get(name)
  if (proportion === undefined) {
    ruler.font = `1000px "${name}"`
    const { actualBoundingBoxAscent, actualBoundingBoxDescent } = ruler.measureText('x')
    // Letters of some pixel fonts float above the baseline, which counts for nothing; legs below it neither.
    proportion = (actualBoundingBoxAscent + Math.min(0, actualBoundingBoxDescent)) / 1000
    proportions.set(name, proportion)
  }
  const size = xHeight / proportion
  return { css: `${size}px "${name}"`, xHeight, size }
}

/** Advance width, and what the ink reaches above and below the baseline. */
export function measure(
  { css: font }: Lettering,
  text: string,
): { width: number; ascent: number; descent: number } {
  ruler.font = font
  const { width, actualBoundingBoxAscent, actualBoundingBoxDescent } = ruler.measureText(text)
  return { width, ascent: actualBoundingBoxAscent, descent: actualBoundingBoxDescent }
}

/** Writes one line with its ink centred in the area. */
export function writeCentred(ctx: Context, area: Area, letters: Lettering, text: string, ink: Rgb): void {
  const { ascent, descent } = measure(letters, text)
  ctx.font = letters.css
  ctx.fillStyle = css(ink)
  ctx.textAlign = 'center'
  ctx.textBaseline = 'alphabetic'
  ctx.fillText(text, area.x + area.width / 2, area.y + area.height / 2 + (ascent - descent) / 2)
}

/** Writes one line from the left; `y` is its baseline. */
export function writeFrom(
  ctx: Context,
  x: number,
  y: number,
  letters: Lettering,
  text: string,
  ink: Rgb,
): void {
  ctx.font = letters.css
  ctx.fillStyle = css(ink)
  ctx.textAlign = 'left'
  ctx.textBaseline = 'alphabetic'
  ctx.fillText(text, x, y)
}
