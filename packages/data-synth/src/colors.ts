// Colours that people call by one name, and which of them can be told apart on which.
import type { Random } from '@ps3js/tensor'

export type Rgb = readonly [red: number, green: number, blue: number]

const COLORS = {
  red: [220, 40, 40],
  orange: [245, 140, 30],
  yellow: [240, 215, 50],
  green: [40, 160, 60],
  cyan: [60, 205, 215],
  blue: [50, 80, 220],
  purple: [140, 60, 180],
  pink: [240, 130, 175],
  brown: [120, 75, 40],
  white: [245, 245, 245],
  black: [28, 28, 32],
} as const satisfies Record<string, Rgb>

/** Of scenes and documents; cyan is the shapes' alone. */
export type ColorName = Exclude<keyof typeof COLORS, 'cyan'>

export const COLOR_NAMES = (Object.keys(COLORS) as (keyof typeof COLORS)[]).filter((name) => name !== 'cyan')

/** Each channel moves by at most this: a shade of the colour, and never another colour. */
const JITTER = 14

/** A shade of a named colour, at most `jitter` away in every channel. */
export function shadeOf(random: Random, color: keyof typeof COLORS, jitter = JITTER): Rgb {
  const channel = (v: number) => {
    const moved = v + jitter * (2 * random.uniform() - 1)
    return Math.max(0, Math.min(255, Math.round(moved)))
  }
  const [r, g, b] = COLORS[color]
  return [channel(r), channel(g), channel(b)]
}

/** CSS. */
export const css = ([r, g, b]: Rgb, alpha = 1): string => `rgba(${r},${g},${b},${alpha})`

/** Between two colours, channel by channel: `share` 0 is all of the first. */
export const mix = (from: Rgb, to: Rgb, share: number): Rgb => [
  Math.round(from[0] + (to[0] - from[0]) * share),
  Math.round(from[1] + (to[1] - from[1]) * share),
  Math.round(from[2] + (to[2] - from[2]) * share),
]

/** Relative luminance in [0, 1] (WCAG 2). */
export function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((v) => {
    const s = v / 255
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/** Contrast ratio in [1, 21] (WCAG 2). */
export function contrast(a: Rgb, b: Rgb): number {
  const [la, lb] = [luminance(a), luminance(b)]
  return (Math.max(la, lb) + 0.05) / (Math.min(la, lb) + 0.05)
}

/** Near-white or near-black, whichever is easier to read on `background`: at least 4.5 : 1. */
export function inkOn(background: Rgb): Rgb {
  const [light, dark]: [Rgb, Rgb] = [
    [250, 250, 248],
    [20, 20, 24],
  ]
  return contrast(light, background) >= contrast(dark, background) ? light : dark
}
