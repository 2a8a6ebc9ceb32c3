// Colours of the report: a heat map that reads the same in grey, and one colour per scale.

export type Rgb = readonly [red: number, green: number, blue: number]

/** Dark to bright in equal steps of lightness, after matplotlib's "inferno" (CC0): nine of its 256 entries. */
const HEAT: readonly Rgb[] = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
]

/** Colour of a value in 0..1; values outside are clipped. */
export function heatColor(value: number): Rgb {
  const place = Math.min(Math.max(value, 0), 1) * (HEAT.length - 1)
  const lower = Math.min(Math.floor(place), HEAT.length - 2)
  const from = HEAT[lower]!
  const to = HEAT[lower + 1]!
  const t = place - lower
  return [mix(from[0], to[0], t), mix(from[1], to[1], t), mix(from[2], to[2], t)]
}

/** Told apart with red-green blindness too (Okabe and Ito's palette); more scales than colours start again. */
const SCALES: readonly Rgb[] = [
  [86, 180, 233],
  [240, 228, 66],
  [230, 85, 13],
  [204, 121, 167],
  [0, 158, 115],
]

/** Colour of a high scale, 1 being the first. */
export const scaleColor = (scale: number): Rgb => SCALES[(scale - 1) % SCALES.length]!

export const cssColor = ([red, green, blue]: Rgb): string => `rgb(${red}, ${green}, ${blue})`

function mix(from: number, to: number, t: number): number {
  return Math.round(from + (to - from) * t)
}
