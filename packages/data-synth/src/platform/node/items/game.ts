// What players collect, carry and fight.
import { css, mix, type Rgb } from '../../../colors.ts'
import { type Context, ellipse, fillFlat, fillRound, part, polygon, rounded } from '../brush.ts'
import type { Area } from '../stage.ts'
import type { Item } from './item.ts'

const DARK: Rgb = [28, 24, 34]
const WHITE: Rgb = [255, 255, 255]
const STEEL: Rgb = [188, 194, 204]
const GOLD: Rgb = [226, 178, 60]

/** Fills the current path with a dark rim, as game pictures have it. */
function rimmed(ctx: Context, area: Area, color: Rgb): void {
  fillFlat(ctx, area, color, 0.3)
  ctx.lineWidth = Math.max(1, area.height * 0.045)
  ctx.lineJoin = 'round'
  ctx.strokeStyle = css(mix(color, DARK, 0.6))
  ctx.stroke()
}

const star = (points: number, inner: number) =>
  Array.from({ length: 2 * points }, (_, i) => {
    const radius = i % 2 ? inner : 0.46
    const angle = (Math.PI * i) / points - Math.PI / 2
    return [0.5 + radius * Math.cos(angle), 0.52 + radius * Math.sin(angle)] as const
  })

export const GAME_ITEMS: readonly Item[] = [
  {
    kind: 'gem',
    aspect: 1.1,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.25, 0.06],
        [0.75, 0.06],
        [0.96, 0.36],
        [0.5, 0.95],
        [0.04, 0.36],
      ])
      rimmed(ctx, area, color)
      polygon(ctx, area, [
        [0.34, 0.36],
        [0.66, 0.36],
        [0.5, 0.9],
      ])
      ctx.fillStyle = css(WHITE, 0.3)
      ctx.fill()
    },
  },
  {
    kind: 'star',
    aspect: 1,
    paint(ctx, area, color) {
      polygon(ctx, area, star(5, 0.2))
      rimmed(ctx, area, color)
    },
  },
  {
    kind: 'heart',
    aspect: 1.1,
    paint(ctx, area, color) {
      const { x, y, width: w, height: h } = inner(area)
      ctx.beginPath()
      ctx.moveTo(x + w / 2, y + h)
      ctx.bezierCurveTo(x - w * 0.25, y + h * 0.45, x + w * 0.1, y - h * 0.2, x + w / 2, y + h * 0.25)
      ctx.bezierCurveTo(x + w * 0.9, y - h * 0.2, x + w * 1.25, y + h * 0.45, x + w / 2, y + h)
      rimmed(ctx, area, color)
    },
  },
  {
    kind: 'potion',
    aspect: 0.78,
    paint(ctx, area, color) {
      ctx.fillStyle = css([120, 84, 52])
      ctx.fillRect(area.x + area.width * 0.38, area.y, area.width * 0.24, area.height * 0.12)
      polygon(ctx, area, [
        [0.36, 0.12],
        [0.64, 0.12],
        [0.62, 0.4],
        [0.95, 0.8],
        [0.86, 0.96],
        [0.14, 0.96],
        [0.05, 0.8],
        [0.38, 0.4],
      ])
      rimmed(ctx, area, color)
      ellipse(ctx, part(area, 0.26, 0.62, 0.14, 0.18))
      ctx.fillStyle = css(WHITE, 0.55)
      ctx.fill()
    },
  },
  {
    kind: 'shield',
    aspect: 0.85,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.5, 0.03],
        [0.95, 0.14],
        [0.9, 0.6],
        [0.5, 0.97],
        [0.1, 0.6],
        [0.05, 0.14],
      ])
      rimmed(ctx, area, color)
      ctx.fillStyle = css(STEEL)
      ctx.fillRect(
        area.x + area.width * 0.45,
        area.y + area.height * 0.16,
        area.width * 0.1,
        area.height * 0.62,
      )
      ctx.fillRect(
        area.x + area.width * 0.2,
        area.y + area.height * 0.34,
        area.width * 0.6,
        area.height * 0.1,
      )
    },
  },
  {
    kind: 'sword',
    aspect: 0.42,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.38, 0.1],
        [0.5, 0.01],
        [0.62, 0.1],
        [0.62, 0.7],
        [0.38, 0.7],
      ])
      rimmed(ctx, area, color)
      ctx.fillStyle = css(GOLD)
      ctx.fillRect(
        area.x + area.width * 0.04,
        area.y + area.height * 0.69,
        area.width * 0.92,
        area.height * 0.06,
      )
      ctx.fillStyle = css([96, 62, 40])
      ctx.fillRect(
        area.x + area.width * 0.4,
        area.y + area.height * 0.75,
        area.width * 0.2,
        area.height * 0.25,
      )
    },
  },
  {
    kind: 'key',
    aspect: 2.1,
    paint(ctx, area, color) {
      ctx.lineWidth = area.height * 0.2
      ctx.strokeStyle = css(color)
      ctx.beginPath()
      ctx.arc(area.x + area.width * 0.24, area.y + area.height / 2, area.height * 0.38, 0, 2 * Math.PI)
      ctx.stroke()
      const shaft = part(area, 0.44, 0.4, 0.55, 0.2)
      rounded(ctx, shaft, shaft.height * 0.2)
      fillFlat(ctx, shaft, color)
      ctx.fillStyle = css(color)
      for (const u of [0.72, 0.88])
        ctx.fillRect(
          area.x + u * area.width,
          area.y + area.height * 0.55,
          area.width * 0.08,
          area.height * 0.32,
        )
    },
  },
  {
    kind: 'chest',
    aspect: 1.3,
    paint(ctx, area, color) {
      rounded(ctx, inner(area), area.height * 0.2)
      rimmed(ctx, area, color)
      ctx.fillStyle = css(mix(color, DARK, 0.6))
      ctx.fillRect(
        area.x + area.width * 0.06,
        area.y + area.height * 0.42,
        area.width * 0.88,
        area.height * 0.06,
      )
      ctx.fillStyle = css(GOLD)
      ctx.fillRect(
        area.x + area.width * 0.42,
        area.y + area.height * 0.36,
        area.width * 0.16,
        area.height * 0.24,
      )
    },
  },
  {
    kind: 'mushroom',
    aspect: 1.1,
    paint(ctx, area, color) {
      const stem = part(area, 0.32, 0.45, 0.36, 0.5)
      rounded(ctx, stem, stem.width * 0.3)
      fillRound(ctx, stem, [236, 222, 196])
      ctx.beginPath()
      ctx.ellipse(
        area.x + area.width / 2,
        area.y + area.height * 0.56,
        area.width * 0.47,
        area.height * 0.5,
        0,
        Math.PI,
        2 * Math.PI,
      )
      ctx.closePath()
      rimmed(ctx, area, color)
      ctx.fillStyle = css(WHITE, 0.85)
      for (const [u, v] of [
        [0.3, 0.26],
        [0.58, 0.16],
        [0.68, 0.38],
      ] as const) {
        ellipse(ctx, part(area, u, v, 0.12, 0.12))
        ctx.fill()
      }
    },
  },
]

export const MONSTERS: readonly Item[] = [
  {
    kind: 'slime',
    aspect: 1.25,
    paint(ctx, area, color) {
      const { x, y, width: w, height: h } = inner(area)
      ctx.beginPath()
      ctx.moveTo(x, y + h)
      ctx.bezierCurveTo(x - w * 0.02, y + h * 0.3, x + w * 0.3, y, x + w * 0.5, y)
      ctx.bezierCurveTo(x + w * 0.7, y, x + w * 1.02, y + h * 0.3, x + w, y + h)
      ctx.closePath()
      rimmed(ctx, area, color)
      eyes(ctx, area, 0.5)
    },
  },
  {
    kind: 'ghost',
    aspect: 0.85,
    paint(ctx, area, color) {
      const { x, y, width: w, height: h } = inner(area)
      ctx.beginPath()
      ctx.moveTo(x, y + h)
      ctx.lineTo(x, y + h * 0.4)
      ctx.bezierCurveTo(x, y - h * 0.13, x + w, y - h * 0.13, x + w, y + h * 0.4)
      ctx.lineTo(x + w, y + h)
      for (let i = 5; i >= 0; i--) ctx.lineTo(x + (w * i) / 6, y + h * (i % 2 ? 0.84 : 1))
      ctx.closePath()
      rimmed(ctx, area, color)
      eyes(ctx, area, 0.36)
    },
  },
  {
    kind: 'robot',
    aspect: 0.75,
    paint(ctx, area, color) {
      ctx.fillStyle = css(STEEL)
      for (const u of [0.22, 0.62])
        ctx.fillRect(
          area.x + u * area.width,
          area.y + area.height * 0.78,
          area.width * 0.16,
          area.height * 0.22,
        )
      for (const u of [0, 0.88])
        ctx.fillRect(
          area.x + u * area.width,
          area.y + area.height * 0.45,
          area.width * 0.12,
          area.height * 0.3,
        )
      rounded(ctx, part(area, 0.14, 0.42, 0.72, 0.4), area.width * 0.06)
      rimmed(ctx, part(area, 0, 0.42, 1, 0.4), color)
      rounded(ctx, part(area, 0.22, 0.04, 0.56, 0.36), area.width * 0.08)
      rimmed(ctx, part(area, 0, 0, 1, 0.4), mix(color, WHITE, 0.2))
      eyes(ctx, area, 0.22)
    },
  },
]

function eyes(ctx: Context, area: Area, v: number): void {
  for (const u of [0.34, 0.58]) {
    ellipse(ctx, part(area, u, v - 0.07, 0.11, 0.15))
    ctx.fillStyle = css(WHITE)
    ctx.fill()
    ellipse(ctx, part(area, u + 0.035, v - 0.02, 0.05, 0.08))
    ctx.fillStyle = css(DARK)
    ctx.fill()
  }
}

/** Room for the rim. */
const inner = (area: Area): Area => part(area, 0.04, 0.04, 0.92, 0.92)
