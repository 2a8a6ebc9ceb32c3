// The two backward kernels of a depthwise convolution (NHWC) on plain arrays; the channel runs innermost.

/** The part of tfjs's `Conv2DInfo` that the loops need. */
export interface DepthwiseShape {
  batchSize: number
  inHeight: number
  inWidth: number
  inChannels: number
  outHeight: number
  outWidth: number
  outChannels: number
  filterHeight: number
  filterWidth: number
  strideHeight: number
  strideWidth: number
  padInfo: { top: number; left: number }
}

/** Calls `visit(x, y, w)` with the offset of each pixel's first channel in input, output and filter. */
function forEachTap(s: DepthwiseShape, visit: (x: number, y: number, w: number) => void): void {
  for (let b = 0; b < s.batchSize; b++) {
    for (let row = 0; row < s.outHeight; row++) {
      for (let fy = 0; fy < s.filterHeight; fy++) {
        const inRow = row * s.strideHeight - s.padInfo.top + fy
        if (inRow < 0 || inRow >= s.inHeight) continue
        for (let column = 0; column < s.outWidth; column++) {
          const y = ((b * s.outHeight + row) * s.outWidth + column) * s.outChannels
          for (let fx = 0; fx < s.filterWidth; fx++) {
            const inColumn = column * s.strideWidth - s.padInfo.left + fx
            if (inColumn < 0 || inColumn >= s.inWidth) continue
            const x = ((b * s.inHeight + inRow) * s.inWidth + inColumn) * s.inChannels
            visit(x, y, (fy * s.filterWidth + fx) * s.outChannels)
          }
        }
      }
    }
  }
}

/** Gradient of the input: `dx` is cleared first. */
export function depthwiseBackwardInput(
  shape: DepthwiseShape,
  dy: Float32Array,
  filter: Float32Array,
  dx: Float32Array,
): void {
  const { inChannels, outChannels } = shape
  const multiplier = outChannels / inChannels
  dx.fill(0)
  if (multiplier === 1) {
    forEachTap(shape, (x, y, w) => {
      for (let c = 0; c < inChannels; c++) dx[x + c]! += dy[y + c]! * filter[w + c]!
    })
    return
  }
  forEachTap(shape, (x, y, w) => {
    for (let c = 0; c < outChannels; c++) dx[x + Math.floor(c / multiplier)]! += dy[y + c]! * filter[w + c]!
  })
}

/** Gradient of the filter [height, width, inChannels, multiplier]: overwrites `dFilter`. */
export function depthwiseBackwardFilter(
  shape: DepthwiseShape,
  x: Float32Array,
  dy: Float32Array,
  dFilter: Float32Array,
): void {
  const { inChannels, outChannels } = shape
  const multiplier = outChannels / inChannels
  // One element sums over every pixel of every sample: in double precision, rounded once.
  const sums = new Float64Array(dFilter.length)
  if (multiplier === 1) {
    forEachTap(shape, (xAt, y, w) => {
      for (let c = 0; c < outChannels; c++) sums[w + c]! += x[xAt + c]! * dy[y + c]!
    })
  } else {
    forEachTap(shape, (xAt, y, w) => {
      for (let c = 0; c < outChannels; c++) sums[w + c]! += x[xAt + Math.floor(c / multiplier)]! * dy[y + c]!
    })
  }
  dFilter.set(sums)
}
