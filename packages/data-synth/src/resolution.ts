// The rule by which an object can be told apart at a resolution: enough pixels across it, or across its letters.

/** An object's colour and form are told apart when its shorter side spans this many pixels: two 4-pixel patches. */
export const MIN_OBJECT_PIXELS = 8

/** Text is read when its lower-case x is this many pixels high: five strokes and gaps of an e, and one for blur. */
export const MIN_X_HEIGHT_PIXELS = 6

/** The scales of PS3 at 4K: long sides of a picture, in pixels. */
export const RESOLUTIONS = [378, 756, 1512, 3780] as const

export type Resolution = (typeof RESOLUTIONS)[number]

/**
 * The smallest long side, in pixels, to which a picture may be scaled so that an object keeps `needed` pixels of the
 * `extent` (also in pixels) that it has at `longSide`.
 */
export function minResolution(longSide: number, extent: number, needed: number): number {
  return Math.ceil((longSide * needed) / extent)
}
