// What goes into and comes out of the choice of patches: plain arrays, one picture at a time.
// High scales are the ones above the low-resolution scale 0; lists "per high scale" hold scale 1 first.

/** Height and width, in patches or in pixels. */
export interface GridSize {
  readonly height: number
  readonly width: number
}

/** How likely each place is worth a closer look: row-major values in 0..1. */
export interface ProbabilityMap extends GridSize {
  readonly data: Float32Array
}

/**
 * One map shared by all high scales, or one map per high scale. A map may be coarser than a scale's grid
 * (27 x 27 for grids of 54, 108 and 270): each patch then has the probability of the cell it falls into.
 */
export type ProbabilityMaps = ProbabilityMap | readonly ProbabilityMap[]

/** Chosen patches of one picture: per high scale the ascending row-major indices into that scale's grid. */
export interface PatchSelection {
  readonly indices: readonly Int32Array[]
}

/** One patch: `scale` counts from 1 (0 is the low-resolution scale), `row` and `column` from 0. */
export interface Patch {
  readonly scale: number
  readonly row: number
  readonly column: number
}

/** Pixel edges [x1, y1, x2, y2]; x2 and y2 are where the box ends, not its last pixel. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number]

/** One map of zeros and others (chosen, excluded, ...) per high scale, row-major at that scale's grid. */
export type PatchMaps = readonly Uint8Array[]
