// Vehicles and what stands beside a road, seen from the side.
import { css, mix, type Rgb } from '../../../colors.ts'
import { type Context, ellipse, fillFlat, fillRound, part, polygon, rounded } from '../brush.ts'
import type { Area } from '../stage.ts'
import type { Item } from './item.ts'

const DARK: Rgb = [26, 27, 30]
const GLASS: Rgb = [150, 185, 205]

function wheels(ctx: Context, area: Area, places: readonly number[], radius: number): void {
  for (const u of places) {
    for (const [r, fill] of [
      [radius, DARK],
      [radius * 0.55, [165, 168, 172]],
    ] as const) {
      ctx.beginPath()
      ctx.arc(area.x + u * area.width, area.y + area.height - radius, r, 0, 2 * Math.PI)
      ctx.fillStyle = css(fill)
      ctx.fill()
    }
  }
}

function panes(ctx: Context, area: Area, list: readonly (readonly [number, number, number, number])[]): void {
  for (const [u, v, w, h] of list) {
    const pane = part(area, u, v, w, h)
    rounded(ctx, pane, pane.height * 0.15)
    fillFlat(ctx, pane, GLASS, 0.4)
  }
}

export const VEHICLES: readonly Item[] = [
  {
    kind: 'car',
    aspect: 2.4,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.02, 0.52],
        [0.2, 0.45],
        [0.34, 0.04],
        [0.68, 0.03],
        [0.84, 0.42],
        [0.97, 0.48],
        [1, 0.8],
        [0.97, 0.86],
        [0.02, 0.86],
        [0, 0.7],
      ])
      fillFlat(ctx, area, color, 0.25)
      polygon(ctx, area, [
        [0.25, 0.44],
        [0.37, 0.12],
        [0.5, 0.12],
        [0.5, 0.44],
      ])
      fillFlat(ctx, area, GLASS, 0.4)
      polygon(ctx, area, [
        [0.53, 0.44],
        [0.53, 0.12],
        [0.65, 0.11],
        [0.78, 0.44],
      ])
      fillFlat(ctx, area, GLASS, 0.4)
      ctx.fillStyle = css(mix(color, DARK, 0.5))
      ctx.fillRect(
        area.x + area.width * 0.51,
        area.y + area.height * 0.12,
        area.width * 0.012,
        area.height * 0.7,
      )
      ctx.fillStyle = css([250, 235, 170])
      ctx.fillRect(
        area.x + area.width * 0.955,
        area.y + area.height * 0.54,
        area.width * 0.035,
        area.height * 0.1,
      )
      wheels(ctx, area, [0.21, 0.79], area.height * 0.2)
    },
  },
  {
    kind: 'van',
    aspect: 2.1,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.01, 0.04],
        [0.66, 0.02],
        [0.84, 0.34],
        [0.98, 0.44],
        [1, 0.84],
        [0.01, 0.88],
        [0, 0.5],
      ])
      fillFlat(ctx, area, color, 0.22)
      polygon(ctx, area, [
        [0.62, 0.12],
        [0.66, 0.12],
        [0.79, 0.4],
        [0.62, 0.4],
      ])
      fillFlat(ctx, area, GLASS, 0.4)
      ctx.fillStyle = css(mix(color, DARK, 0.4))
      ctx.fillRect(
        area.x + area.width * 0.58,
        area.y + area.height * 0.08,
        area.width * 0.012,
        area.height * 0.76,
      )
      wheels(ctx, area, [0.19, 0.81], area.height * 0.17)
    },
  },
  {
    kind: 'bus',
    aspect: 3,
    paint(ctx, area, color) {
      rounded(ctx, part(area, 0, 0, 1, 0.9), area.height * 0.1)
      fillFlat(ctx, area, color, 0.22)
      panes(
        ctx,
        area,
        [0.03, 0.18, 0.33, 0.48, 0.63].map((u) => [u, 0.14, 0.13, 0.34] as const),
      )
      panes(ctx, area, [[0.8, 0.12, 0.16, 0.7]])
      wheels(ctx, area, [0.2, 0.72], area.height * 0.15)
    },
  },
  {
    kind: 'truck',
    aspect: 2.7,
    paint(ctx, area, color) {
      ctx.fillStyle = css(DARK)
      ctx.fillRect(
        area.x + area.width * 0.02,
        area.y + area.height * 0.76,
        area.width * 0.96,
        area.height * 0.1,
      )
      rounded(ctx, part(area, 0, 0, 0.7, 0.78), area.height * 0.03)
      fillFlat(ctx, area, color, 0.16)
      polygon(ctx, area, [
        [0.73, 0.24],
        [0.9, 0.24],
        [0.98, 0.52],
        [1, 0.82],
        [0.73, 0.82],
      ])
      fillFlat(ctx, area, mix(color, [255, 255, 255], 0.25), 0.2)
      panes(ctx, area, [[0.79, 0.3, 0.12, 0.22]])
      wheels(ctx, area, [0.14, 0.3, 0.85], area.height * 0.14)
    },
  },
]

export const ROADSIDE: readonly Item[] = [
  {
    kind: 'cone',
    aspect: 0.8,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.44, 0],
        [0.56, 0],
        [0.86, 0.9],
        [0.14, 0.9],
      ])
      fillRound(ctx, area, color)
      polygon(ctx, area, [
        [0.34, 0.32],
        [0.66, 0.32],
        [0.74, 0.55],
        [0.26, 0.55],
      ])
      ctx.fillStyle = css(mix(color, [255, 255, 255], 0.8))
      ctx.fill()
      ctx.fillStyle = css(mix(color, DARK, 0.3))
      ctx.fillRect(area.x, area.y + area.height * 0.88, area.width, area.height * 0.12)
    },
  },
  {
    kind: 'bin',
    aspect: 0.7,
    paint(ctx, area, color) {
      polygon(ctx, area, [
        [0.06, 0.14],
        [0.94, 0.14],
        [0.84, 1],
        [0.16, 1],
      ])
      fillRound(ctx, area, color)
      rounded(ctx, part(area, 0, 0, 1, 0.13), area.height * 0.05)
      ctx.fillStyle = css(mix(color, DARK, 0.35))
      ctx.fill()
    },
  },
  {
    kind: 'mailbox',
    aspect: 0.6,
    paint(ctx, area, color) {
      ctx.fillStyle = css([90, 92, 96])
      ctx.fillRect(
        area.x + area.width * 0.42,
        area.y + area.height * 0.5,
        area.width * 0.16,
        area.height * 0.5,
      )
      const box = part(area, 0, 0, 1, 0.56)
      rounded(ctx, box, area.width * 0.3)
      fillFlat(ctx, box, color, 0.25)
      ctx.fillStyle = css(DARK)
      ctx.fillRect(
        area.x + area.width * 0.2,
        area.y + area.height * 0.2,
        area.width * 0.6,
        area.height * 0.05,
      )
    },
  },
  {
    kind: 'hydrant',
    aspect: 0.62,
    paint(ctx, area, color) {
      ctx.fillStyle = css(mix(color, DARK, 0.25))
      ctx.fillRect(area.x, area.y + area.height * 0.38, area.width, area.height * 0.2)
      rounded(ctx, part(area, 0.2, 0.1, 0.6, 0.84), area.width * 0.28)
      fillRound(ctx, part(area, 0.2, 0, 0.6, 1), color)
      ctx.fillStyle = css(mix(color, DARK, 0.4))
      ctx.fillRect(
        area.x + area.width * 0.06,
        area.y + area.height * 0.9,
        area.width * 0.88,
        area.height * 0.1,
      )
      ellipse(ctx, part(area, 0.34, 0, 0.32, 0.16))
      ctx.fill()
    },
  },
  {
    kind: 'bench',
    aspect: 2.1,
    paint(ctx, area, color) {
      ctx.fillStyle = css([70, 70, 74])
      for (const u of [0.1, 0.84])
        ctx.fillRect(area.x + u * area.width, area.y, area.width * 0.06, area.height)
      for (const v of [0, 0.2, 0.52]) {
        const plank = part(area, 0, v, 1, 0.14)
        rounded(ctx, plank, plank.height * 0.3)
        fillFlat(ctx, plank, color, 0.25)
      }
    },
  },
  {
    kind: 'umbrella',
    aspect: 1.2,
    paint(ctx, area, color) {
      ctx.fillStyle = css([80, 80, 84])
      ctx.fillRect(
        area.x + area.width * 0.485,
        area.y + area.height * 0.05,
        area.width * 0.03,
        area.height * 0.95,
      )
      ctx.beginPath()
      ctx.ellipse(
        area.x + area.width / 2,
        area.y + area.height * 0.46,
        area.width / 2,
        area.height * 0.42,
        0,
        Math.PI,
        2 * Math.PI,
      )
      ctx.closePath()
      fillRound(ctx, area, color)
    },
  },
]
