// Capitals and digits in five columns and seven rows, drawn straight into pixels: text without fonts, in any browser.
// The letters are those of common 5x7 display controllers (Hitachi HD44780 and its likes).

/** Columns from the left, each seven bits, the lowest bit on top. */
const COLUMNS: Record<string, string> = {
  0: '3e5149453e',
  1: '00427f4000',
  2: '4261514946',
  3: '2141454b31',
  4: '1814127f10',
  5: '2745454539',
  6: '3c4a494930',
  7: '0171090503',
  8: '3649494936',
  9: '064949291e',
  A: '7e1111117e',
  B: '7f49494936',
  C: '3e41414122',
  D: '7f4141221c',
  E: '7f49494941',
  F: '7f09090901',
  G: '3e4149497a',
  H: '7f0808087f',
  I: '00417f4100',
  J: '2040413f01',
  K: '7f08142241',
  L: '7f40404040',
  M: '7f020c027f',
  N: '7f0408107f',
  O: '3e4141413e',
  P: '7f09090906',
  Q: '3e4151215e',
  R: '7f09192946',
  S: '4649494931',
  T: '01017f0101',
  U: '3f4040403f',
  V: '1f2040201f',
  W: '3f4038403f',
  X: '6314081463',
  Y: '0708700807',
  Z: '6151494543',
}

export const GLYPH_ROWS = 7

/** Five of the seven rows are what a lower-case x would fill. */
export const GLYPH_X_ROWS = 5

/** Columns of a line of text: five for a letter, one between two. */
export const textColumns = (text: string): number => 6 * text.length - 1

/** Whether the ink of a line of capitals and digits covers a column and row of its grid. */
export function isInk(text: string, column: number, row: number): boolean {
  const within = column % 6
  if (within === 5) return false
  const columns = COLUMNS[text[Math.floor(column / 6)]!]!
  return ((Number.parseInt(columns.slice(2 * within, 2 * within + 2), 16) >> row) & 1) === 1
}
