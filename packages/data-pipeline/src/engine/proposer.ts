// What finds small things in a picture, so that regions dense in them can be chosen.

import type { Box } from './boxes.ts'
import type { EncodedPicture } from './picture.ts'

/** One thing found: a segment, a spot of detail, a line of text. */
export interface Mask {
  /** In pixels of the upright picture. */
  box: Box
  /** Pixels it covers, at most the box's. */
  area: number
}

export interface Proposer {
  /** Stands in the file of regions, with what changes its results: a file begun with another one is not continued. */
  readonly name: string
  propose(picture: EncodedPicture, signal?: AbortSignal): Promise<Mask[]>
  /** Frees what it holds. */
  close?(): Promise<void>
}
