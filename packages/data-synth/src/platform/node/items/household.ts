// Things that stand on shelves and tables.
import { css, mix, type Rgb } from '../../../colors.ts'
import { ellipse, fillFlat, fillRound, part, polygon, rounded } from '../brush.ts'
import type { Item } from './item.ts'

const WHITE: Rgb = [255, 255, 255]
const DARK: Rgb = [30, 26, 24]

export const HOUSEHOLD_ITEMS: readonly Item[] = [
  {
    kind: 'mug',
    aspect: 1.15,
    paint(ctx, area, color) {
      const body = part(area, 0, 0, 0.76, 1)
      ctx.strokeStyle = css(mix(color, DARK, 0.15))
      ctx.lineWidth = area.width * 0.09
      ctx.beginPath()
      ctx.ellipse(
        area.x + area.width * 0.76,
        area.y + area.height * 0.5,
        area.width * 0.18,
        area.height * 0.26,
        0,
        -1.6,
        1.6,
      )
      ctx.stroke()
      rounded(ctx, body, area.height * 0.12)
      fillRound(ctx, body, color)
      ellipse(ctx, part(body, 0, 0, 1, 0.16))
      ctx.fillStyle = css(mix(color, DARK, 0.45))
      ctx.fill()
    },
  },
  {
    kind: 'bottle',
    aspect: 0.34,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.32, 0.08],
        [0.68, 0.08],
        [0.7, 0.28],
        [0.97, 0.42],
        [1, 0.97],
        [0.94, 1],
        [0.06, 1],
        [0, 0.97],
        [0.03, 0.42],
        [0.3, 0.28],
      ])
      fillRound(ctx, area, color)
      ctx.fillStyle = css(mix(color, DARK, 0.55))
      ctx.fillRect(area.x + area.width * 0.28, area.y, area.width * 0.44, area.height * 0.09)
    },
  },
  {
    kind: 'bowl',
    aspect: 2,
    paint(ctx, area, color) {
      ctx.beginPath()
      ctx.moveTo(area.x, area.y)
      ctx.lineTo(area.x + area.width, area.y)
      ctx.bezierCurveTo(
        area.x + area.width,
        area.y + area.height * 1.1,
        area.x + area.width * 0.62,
        area.y + area.height * 0.92,
        area.x + area.width * 0.62,
        area.y + area.height,
      )
      ctx.lineTo(area.x + area.width * 0.38, area.y + area.height)
      ctx.bezierCurveTo(
        area.x + area.width * 0.38,
        area.y + area.height * 0.92,
        area.x,
        area.y + area.height * 1.1,
        area.x,
        area.y,
      )
      fillRound(ctx, area, color)
    },
  },
  {
    kind: 'vase',
    aspect: 0.55,
    paint(ctx, area, color) {
      const { x, y, width: w, height: h } = area
      ctx.beginPath()
      ctx.moveTo(x + w * 0.25, y)
      ctx.lineTo(x + w * 0.75, y)
      ctx.bezierCurveTo(x + w * 0.5, y + h * 0.25, x + w * 1.25, y + h * 0.5, x + w * 0.72, y + h)
      ctx.lineTo(x + w * 0.28, y + h)
      ctx.bezierCurveTo(x - w * 0.25, y + h * 0.5, x + w * 0.5, y + h * 0.25, x + w * 0.25, y)
      fillRound(ctx, area, color)
    },
  },
  {
    kind: 'lamp',
    aspect: 0.7,
    paint(ctx, area, color) {
      ctx.fillStyle = css(DARK)
      ctx.fillRect(
        area.x + area.width * 0.46,
        area.y + area.height * 0.4,
        area.width * 0.08,
        area.height * 0.55,
      )
      rounded(ctx, part(area, 0.22, 0.94, 0.56, 0.06), area.height * 0.03)
      ctx.fill()
      polygon(ctx, part(area, 0, 0, 1, 0.5), [
        [0.25, 0],
        [0.75, 0],
        [1, 1],
        [0, 1],
      ])
      fillRound(ctx, area, color)
    },
  },
  {
    kind: 'kettle',
    aspect: 1.25,
    paint(ctx, area, color) {
      ctx.strokeStyle = css(DARK)
      ctx.lineWidth = area.height * 0.07
      ctx.beginPath()
      ctx.ellipse(
        area.x + area.width * 0.45,
        area.y + area.height * 0.36,
        area.width * 0.28,
        area.height * 0.3,
        0,
        Math.PI,
        2 * Math.PI,
      )
      ctx.stroke()
      polygon(ctx, area, [
        [0.66, 0.6],
        [0.95, 0.38],
        [1, 0.42],
        [0.78, 0.85],
      ])
      fillFlat(ctx, area, mix(color, DARK, 0.2))
      ctx.beginPath()
      ctx.moveTo(area.x + area.width * 0.12, area.y + area.height)
      ctx.bezierCurveTo(
        area.x - area.width * 0.08,
        area.y + area.height * 0.5,
        area.x + area.width * 0.2,
        area.y + area.height * 0.3,
        area.x + area.width * 0.45,
        area.y + area.height * 0.3,
      )
      ctx.bezierCurveTo(
        area.x + area.width * 0.7,
        area.y + area.height * 0.3,
        area.x + area.width * 0.98,
        area.y + area.height * 0.5,
        area.x + area.width * 0.78,
        area.y + area.height,
      )
      ctx.closePath()
      fillRound(ctx, part(area, 0, 0, 0.85, 1), color)
    },
  },
  {
    kind: 'cushion',
    aspect: 1.1,
    paint(ctx, area, color) {
      const { x, y, width: w, height: h } = area
      ctx.beginPath()
      ctx.moveTo(x, y)
      ctx.quadraticCurveTo(x + w / 2, y + h * 0.16, x + w, y)
      ctx.quadraticCurveTo(x + w * 0.86, y + h / 2, x + w, y + h)
      ctx.quadraticCurveTo(x + w / 2, y + h * 0.84, x, y + h)
      ctx.quadraticCurveTo(x + w * 0.14, y + h / 2, x, y)
      fillFlat(ctx, area, color, 0.25)
    },
  },
  {
    kind: 'candle',
    aspect: 0.36,
    paint(ctx, area, color) {
      ellipse(ctx, part(area, 0.36, 0, 0.28, 0.2))
      ctx.fillStyle = css([255, 190, 60])
      ctx.fill()
      ctx.fillStyle = css(DARK)
      ctx.fillRect(
        area.x + area.width * 0.47,
        area.y + area.height * 0.16,
        area.width * 0.06,
        area.height * 0.12,
      )
      rounded(ctx, part(area, 0, 0.26, 1, 0.74), area.width * 0.1)
      fillRound(ctx, area, color)
    },
  },
  {
    kind: 'flower pot',
    aspect: 0.8,
    paint(ctx, area, color) {
      for (const [u, v, w, h, turn] of [
        [0.02, 0.1, 0.46, 0.34, 0],
        [0.52, 0.06, 0.46, 0.36, 0],
        [0.3, 0, 0.4, 0.5, 1],
        [0.2, 0.25, 0.6, 0.35, 0],
      ] as const) {
        ellipse(ctx, part(area, u, v, w, h))
        ctx.fillStyle = css(turn ? [60, 130, 60] : [45, 110, 55])
        ctx.fill()
      }
      const pot = part(area, 0.12, 0.52, 0.76, 0.48)
      polygon(ctx, pot, [
        [0, 0],
        [1, 0],
        [1, 0.22],
        [0.94, 0.22],
        [0.8, 1],
        [0.2, 1],
        [0.06, 0.22],
        [0, 0.22],
      ])
      fillRound(ctx, pot, color)
    },
  },
  {
    kind: 'ball',
    aspect: 1,
    paint(ctx, area, color) {
      ellipse(ctx, area)
      ctx.fillStyle = css(color)
      ctx.fill()
      const { x, y, width: w } = area
      const light = ctx.createRadialGradient(
        x + w * 0.35,
        y + w * 0.3,
        w * 0.04,
        x + w * 0.5,
        y + w * 0.5,
        w * 0.55,
      )
      light.addColorStop(0, css(WHITE, 0.5))
      light.addColorStop(0.45, css(WHITE, 0))
      light.addColorStop(1, css([0, 0, 0], 0.3))
      ctx.fillStyle = light
      ctx.fill()
    },
  },
]
