// What every synthetic picture comes with: its objects, their exact boxes, and which split they belong to.
// Records are those of the reference's reader ({text, box, global_text, type}); the rest is ours and ignored there.

/** Which fonts, words and colour + object combinations may occur. Nothing of one split occurs in the other. */
export type Split = 'train' | 'heldout'

/** [x1, y1, x2, y2] in pixels: x1, y1 are the first pixel touched, x2, y2 the first one beyond. */
export type Box = [x1: number, y1: number, x2: number, y2: number]

/** 8-bit RGB, row by row: `data.length` is `width * height * 3`. */
export interface RgbPicture {
  width: number
  height: number
  data: Uint8Array
}

/** One object and everything that is true about it. */
export interface SynthObject {
  box: Box
  /** Names this object and no other in the picture: "red star", "a small sign that says OPEN". */
  caption: string
  /** What is written on it; empty without writing. */
  text: string
  color: string
  kind: string
  /**
   * The long side, in pixels, that the whole picture needs at least for this object to be told apart:
   * see `minResolution`.
   */
  minResolution: number
  split: Split
}
