// What lies behind: skies, photographs, textures, grain. All of it belongs to no object.
import { createCanvas, ImageData } from '@napi-rs/canvas'
import { css, mix, type Rgb } from '../../colors.ts'
import { pick } from '../../splits.ts'
import { PHOTOS, type PhotoName, type TEXTURES } from './assets.ts'
import type { Context } from './brush.ts'
import type { Area, Stage } from './stage.ts'

/** A vertical gradient through the colours. */
export function gradient(ctx: Context, { x, y, width, height }: Area, colors: readonly Rgb[]): void {
  const fill = ctx.createLinearGradient(0, y, 0, y + height)
  for (const [i, color] of colors.entries()) fill.addColorStop(i / (colors.length - 1), css(color))
  ctx.fillStyle = fill
  ctx.fillRect(x, y, width, height)
}

/** A random part of a photograph, of the area's proportions and at most `zoom` times nearer than it could be. */
export function photograph(stage: Stage, area: Area, name: PhotoName, zoom = 1.4): void {
  const image = stage.pictures[name]
  const cover = Math.min(image.width / area.width, image.height / area.height) / stage.between(1, zoom)
  const [w, h] = [area.width * cover, area.height * cover]
  const left = stage.random.uniform() * (image.width - w)
  const top = stage.random.uniform() * (image.height - h)
  stage.decorate((ctx) => ctx.drawImage(image, left, top, w, h, area.x, area.y, area.width, area.height))
}

export const pickPhoto = (stage: Stage): PhotoName => pick(stage.random, PHOTOS)

/** Bricks in their courses, each a little lighter or darker than the wall. */
export function bricks(stage: Stage, area: Area, wall: Rgb): void {
  const [w, h] = [stage.px(58), stage.px(20)]
  stage.decorate((ctx) => {
    ctx.save()
    ctx.beginPath()
    ctx.rect(area.x, area.y, area.width, area.height)
    ctx.clip()
    ctx.fillStyle = css(mix(wall, [225, 220, 210], 0.45))
    ctx.fillRect(area.x, area.y, area.width, area.height)
    for (let row = 0, y = area.y; y < area.y + area.height; y += h, row++) {
      for (let x = area.x - (row % 2 ? w / 2 : 0); x < area.x + area.width; x += w) {
        ctx.fillStyle = css(mix(wall, [40, 26, 22], 0.22 * stage.random.uniform()))
        ctx.fillRect(x, y, w * 0.94, h * 0.86)
      }
    }
    ctx.restore()
  })
}

/** Tiles a texture over the area and dyes it. `tile`: its side in pixels. */
export function texture(
  stage: Stage,
  area: Area,
  name: (typeof TEXTURES)[number],
  tile: number,
  dye: Rgb,
  strength = 0.55,
): void {
  const image = stage.pictures[name]
  // Mirrored in pairs, so that no seam shows.
  const side = Math.max(2, Math.round(tile))
  const four = createCanvas(2 * side, 2 * side)
  const ctx = four.getContext('2d')
  for (const [sx, sy] of [
    [1, 1],
    [-1, 1],
    [1, -1],
    [-1, -1],
  ] as const) {
    ctx.setTransform(sx, 0, 0, sy, side, side)
    ctx.drawImage(image, -side, -side, side, side)
  }
  stage.decorate((target) => {
    target.fillStyle = target.createPattern(four, 'repeat')!
    target.fillRect(area.x, area.y, area.width, area.height)
    target.fillStyle = css(dye, strength)
    target.fillRect(area.x, area.y, area.width, area.height)
  })
}

const GRAIN_TILE = 256

/** The noise of a sensor over all of the picture. `strength`: the largest change of a channel, of 255. */
export function grain(stage: Stage, strength: number): void {
  const bytes = new Uint8ClampedArray(GRAIN_TILE * GRAIN_TILE * 4)
  for (let i = 0; i < bytes.length; i += 4) {
    const bits = stage.random.uint32()
    // Black or white, more or less transparent.
    bytes.fill(bits & 1 ? 255 : 0, i, i + 3)
    bytes[i + 3] = ((bits >>> 8) & 255) * (strength / 255)
  }
  const tile = createCanvas(GRAIN_TILE, GRAIN_TILE)
  tile.getContext('2d').putImageData(new ImageData(bytes, GRAIN_TILE, GRAIN_TILE), 0, 0)
  const { ctx } = stage
  ctx.fillStyle = ctx.createPattern(tile, 'repeat')!
  ctx.fillRect(0, 0, stage.width, stage.height)
}

/** Darkens the corners. */
export function vignette(stage: Stage, strength = 0.22): void {
  const { ctx, width, height } = stage
  const fill = ctx.createRadialGradient(
    width / 2,
    height / 2,
    Math.min(width, height) * 0.35,
    width / 2,
    height / 2,
    Math.hypot(width, height) * 0.56,
  )
  fill.addColorStop(0, css([0, 0, 0], 0))
  fill.addColorStop(1, css([0, 0, 0], strength))
  ctx.fillStyle = fill
  ctx.fillRect(0, 0, width, height)
}
