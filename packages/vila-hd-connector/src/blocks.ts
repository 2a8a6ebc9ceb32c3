// Which patches become which token: plain arrays, nothing is computed with tensors here.

/** Rows and columns. */
export interface GridSize {
  height: number
  width: number
}

/** The grid of tokens: an incomplete block at the right or bottom edge counts. */
export const tokenGrid = ({ height, width }: GridSize, block: number): GridSize => ({
  height: Math.ceil(height / block),
  width: Math.ceil(width / block),
})

/** Each block's patches, row by row, of the whole grid or of certain cells: indices into the grid, -1 beyond its edge. */
export function blocksOf(grid: GridSize, block: number, cells?: Int32Array): Int32Array {
  const tokens = tokenGrid(grid, block)
  const chosen = cells ?? Int32Array.from({ length: tokens.height * tokens.width }, (_, i) => i)
  const patches = new Int32Array(chosen.length * block * block)
  chosen.forEach((cell, i) => {
    const [top, left] = [Math.floor(cell / tokens.width) * block, (cell % tokens.width) * block]
    for (let r = 0; r < block; r++) {
      for (let c = 0; c < block; c++) {
        const inside = top + r < grid.height && left + c < grid.width
        patches[(i * block + r) * block + c] = inside ? (top + r) * grid.width + left + c : -1
      }
    }
  })
  return patches
}

/**
 * The cells of the grid of tokens whose area is chosen completely: where the map of chosen patches, area-resized to that
 * grid, is 1. Windows overlap where sizes do not divide.
 */
export function completeCells(grid: GridSize, block: number, chosen: ArrayLike<number>): Int32Array {
  const tokens = tokenGrid(grid, block)
  // Sums over rectangles through sums from the corner.
  const stride = grid.width + 1
  const sums = new Int32Array(stride * (grid.height + 1))
  for (let i = 0; i < chosen.length; i++) {
    const [row, column] = [Math.floor(chosen[i]! / grid.width), chosen[i]! % grid.width]
    sums[(row + 1) * stride + column + 1] = 1
  }
  for (let r = 1; r <= grid.height; r++) {
    for (let c = 1; c < stride; c++) {
      const at = r * stride + c
      sums[at] = sums[at]! + sums[at - 1]! + sums[at - stride]! - sums[at - stride - 1]!
    }
  }
  const cells: number[] = []
  for (let r = 0; r < tokens.height; r++) {
    const [top, bottom] = window(r, grid.height, tokens.height)
    for (let c = 0; c < tokens.width; c++) {
      const [left, right] = window(c, grid.width, tokens.width)
      const at = (row: number, column: number) => sums[row * stride + column]!
      const count = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left)
      if (count === (bottom - top) * (right - left)) cells.push(r * tokens.width + c)
    }
  }
  return Int32Array.from(cells)
}

/** What one cell covers when `inSize` places are area-resized to `outSize`. */
export function window(out: number, inSize: number, outSize: number): [number, number] {
  return [Math.floor((out * inSize) / outSize), Math.ceil(((out + 1) * inSize) / outSize)]
}
