// Icons of programs and places on a desktop: a coloured tile with a white sign on it.
import { css, type Rgb } from '../../../colors.ts'
import { type Context, ellipse, fillFlat, part, polygon, rounded } from '../brush.ts'
import type { Area } from '../stage.ts'
import type { Item } from './item.ts'

/** Light on dark tiles and dark on light ones. */
const signOn = ([r, g, b]: Rgb): string =>
  css(r * 0.3 + g * 0.6 + b * 0.1 > 170 ? [40, 44, 52] : [250, 250, 250])

type Sign = (ctx: Context, area: Area) => void

const tile = (name: string, sign: Sign): Item => ({
  kind: `${name} icon`,
  aspect: 1,
  paint(ctx, area, color) {
    rounded(ctx, area, area.width * 0.22)
    fillFlat(ctx, area, color, 0.2)
    ctx.fillStyle = signOn(color)
    ctx.strokeStyle = ctx.fillStyle
    ctx.lineWidth = area.width * 0.07
    ctx.lineCap = 'round'
    ctx.lineJoin = 'round'
    sign(ctx, part(area, 0.22, 0.22, 0.56, 0.56))
  },
})

const line = (ctx: Context, area: Area, points: readonly (readonly [number, number])[]) => {
  ctx.beginPath()
  for (const [u, v] of points) ctx.lineTo(area.x + u * area.width, area.y + v * area.height)
  ctx.stroke()
}

export const ICONS: readonly Item[] = [
  tile('mail', (ctx, area) => {
    rounded(ctx, part(area, 0, 0.12, 1, 0.76), area.width * 0.08)
    ctx.stroke()
    line(ctx, area, [
      [0.04, 0.2],
      [0.5, 0.58],
      [0.96, 0.2],
    ])
  }),
  tile('music', (ctx, area) => {
    ellipse(ctx, part(area, 0, 0.68, 0.36, 0.28))
    ctx.fill()
    ellipse(ctx, part(area, 0.6, 0.58, 0.36, 0.28))
    ctx.fill()
    line(ctx, area, [
      [0.33, 0.8],
      [0.33, 0.12],
      [0.93, 0.02],
      [0.93, 0.7],
    ])
  }),
  tile('folder', (ctx, area) => {
    polygon(ctx, area, [
      [0, 0.14],
      [0.4, 0.14],
      [0.5, 0.28],
      [1, 0.28],
      [1, 0.88],
      [0, 0.88],
    ])
    ctx.fill()
  }),
  tile('camera', (ctx, area) => {
    rounded(ctx, part(area, 0, 0.22, 1, 0.66), area.width * 0.1)
    ctx.stroke()
    ellipse(ctx, part(area, 0.33, 0.36, 0.34, 0.34))
    ctx.stroke()
  }),
  tile('lock', (ctx, area) => {
    ctx.beginPath()
    ctx.arc(area.x + area.width / 2, area.y + area.height * 0.4, area.width * 0.26, Math.PI, 2 * Math.PI)
    ctx.stroke()
    rounded(ctx, part(area, 0.14, 0.42, 0.72, 0.54), area.width * 0.08)
    ctx.fill()
  }),
  tile('chart', (ctx, area) => {
    for (const [u, v] of [
      [0.02, 0.5],
      [0.37, 0.1],
      [0.72, 0.32],
    ] as const) {
      ctx.fillRect(
        area.x + u * area.width,
        area.y + v * area.height,
        area.width * 0.24,
        area.height * (0.95 - v),
      )
    }
  }),
  tile('cloud', (ctx, area) => {
    for (const [u, v, d] of [
      [0, 0.4, 0.46],
      [0.24, 0.14, 0.56],
      [0.54, 0.38, 0.46],
    ] as const) {
      ellipse(ctx, part(area, u, v, d, d))
      ctx.fill()
    }
    ctx.fillRect(area.x + area.width * 0.2, area.y + area.height * 0.6, area.width * 0.6, area.height * 0.26)
  }),
  tile('clock', (ctx, area) => {
    ellipse(ctx, area)
    ctx.stroke()
    line(ctx, area, [
      [0.5, 0.2],
      [0.5, 0.52],
      [0.74, 0.64],
    ])
  }),
  tile('bell', (ctx, area) => {
    polygon(ctx, area, [
      [0.42, 0.02],
      [0.58, 0.02],
      [0.8, 0.3],
      [0.84, 0.66],
      [1, 0.8],
      [0, 0.8],
      [0.16, 0.66],
      [0.2, 0.3],
    ])
    ctx.fill()
    ellipse(ctx, part(area, 0.38, 0.84, 0.24, 0.16))
    ctx.fill()
  }),
  tile('play', (ctx, area) => {
    polygon(ctx, area, [
      [0.14, 0.02],
      [0.96, 0.5],
      [0.14, 0.98],
    ])
    ctx.fill()
  }),
]
