// The type: 22 families, six of them held out, one of every style. Files lie in assets/fonts; licences in SOURCES.md.
import type { Random } from '@ps3js/tensor'
import { pick } from './splits.ts'
import type { Split } from './types.ts'

export type FontStyle = 'sans' | 'serif' | 'mono' | 'display' | 'hand' | 'pixel'

export interface Font {
  /** The file's name up to its weight; also the family's name on the canvas. */
  family: string
  style: FontStyle
  weight: 400 | 700
  split: Split
}

const FAMILIES: readonly [family: string, style: FontStyle, weights: (400 | 700)[], split: Split][] = [
  ['roboto', 'sans', [400, 700], 'train'],
  ['open-sans', 'sans', [400, 700], 'train'],
  ['lato', 'sans', [400, 700], 'train'],
  ['merriweather', 'serif', [400, 700], 'train'],
  ['eb-garamond', 'serif', [400, 700], 'train'],
  ['pt-serif', 'serif', [400, 700], 'train'],
  ['ibm-plex-mono', 'mono', [400], 'train'],
  ['jetbrains-mono', 'mono', [400, 700], 'train'],
  ['oswald', 'display', [400, 700], 'train'],
  ['bebas-neue', 'display', [400], 'train'],
  ['archivo-black', 'display', [400], 'train'],
  ['playfair-display', 'display', [700], 'train'],
  ['lobster', 'hand', [400], 'train'],
  ['caveat', 'hand', [700], 'train'],
  ['permanent-marker', 'hand', [400], 'train'],
  ['press-start-2p', 'pixel', [400], 'train'],
  ['rubik', 'sans', [400, 700], 'heldout'],
  ['crimson-text', 'serif', [400, 700], 'heldout'],
  ['space-mono', 'mono', [400], 'heldout'],
  ['abril-fatface', 'display', [400], 'heldout'],
  ['dancing-script', 'hand', [700], 'heldout'],
  ['vt323', 'pixel', [400], 'heldout'],
]

export const FONTS: readonly Font[] = FAMILIES.flatMap(([family, style, weights, split]) =>
  weights.map((weight) => ({ family, style, weight, split })),
)

/** A font of one of the styles and of the split. */
export function pickFont(random: Random, split: Split, styles: readonly FontStyle[]): Font {
  return pick(
    random,
    FONTS.filter((font) => font.split === split && styles.includes(font.style)),
  )
}
