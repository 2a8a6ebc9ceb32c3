// Adaptive max pooling with PyTorch's windows, which overlap where sizes do not divide.

import { customGrad, type Tensor, unsortedSegmentSum } from '@tensorflow/tfjs-core'
import { add, argMax, gather, max, mul, reshape, scalar, tensor1d, tensor2d, tidy, transpose } from '../tf.ts'
import { checkPositiveInteger, checkShape } from './check.ts'

/** x [B, H, W] -> [B, outHeight, outWidth]. The gradient goes to the first maximum of a window. */
export function adaptiveMaxPool(x: Tensor, outHeight: number, outWidth: number): Tensor {
  checkShape('adaptiveMaxPool', 'x', x, ['B', 'H', 'W'])
  checkPositiveInteger('adaptiveMaxPool', 'outHeight', outHeight)
  checkPositiveInteger('adaptiveMaxPool', 'outWidth', outWidth)
  const [batch, height, width] = x.shape as [number, number, number]
  const { table, size } = windows(height, width, outHeight, outWidth)
  const cells = outHeight * outWidth
  return customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (saved: Tensor[]) => void]
    // Candidates [cells, size, B]: gathering rows keeps every backend on the simple axis.
    const candidates = (source: Tensor) =>
      reshape(gather(transpose(reshape(source, [batch, height * width])), tensor1d(table, 'int32'), 0), [
        cells,
        size,
        batch,
      ])
    const value = tidy(() => reshape(transpose(max(candidates(input), 1)), [batch, outHeight, outWidth]))
    save([input])
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        tidy(() => {
          const winner = argMax(candidates(saved[0]!), 1) // [cells, B] position inside the window
          const cellStart = tensor2d(
            Int32Array.from({ length: cells }, (_, i) => i * size),
            [cells, 1],
            'int32',
          )
          const position = gather(tensor1d(table, 'int32'), reshape(add(winner, cellStart), [-1])) // [cells * B]
          const plane = tensor1d(
            Int32Array.from({ length: cells * batch }, (_, i) => i % batch),
            'int32',
          )
          const target = add(mul(position, scalar(batch, 'int32')), plane)
          const upstream = transpose(reshape(dy, [batch, cells]))
          const scattered = unsortedSegmentSum(
            reshape(upstream, [-1]),
            target as never,
            height * width * batch,
          )
          return reshape(transpose(reshape(scattered, [height * width, batch])), [batch, height, width])
        }),
    }
  })(x)
}

/** For every output cell the flat input positions of its window, padded by repeating the first. */
function windows(
  height: number,
  width: number,
  outHeight: number,
  outWidth: number,
): { table: Int32Array; size: number } {
  const range = (o: number, inSize: number, outSize: number) =>
    [Math.floor((o * inSize) / outSize), Math.ceil(((o + 1) * inSize) / outSize)] as const
  const lists: number[][] = []
  for (let r = 0; r < outHeight; r++) {
    const [top, bottom] = range(r, height, outHeight)
    for (let c = 0; c < outWidth; c++) {
      const [left, right] = range(c, width, outWidth)
      const list: number[] = []
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) list.push(y * width + x)
      lists.push(list)
    }
  }
  const size = Math.max(...lists.map((list) => list.length))
  const table = new Int32Array(lists.length * size)
  lists.forEach((list, cell) => {
    for (let i = 0; i < size; i++) table[cell * size + i] = list[i] ?? list[0]!
  })
  return { table, size }
}
