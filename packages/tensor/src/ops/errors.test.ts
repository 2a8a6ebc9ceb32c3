// What does not fit is refused by name, with both shapes, and leaves no tensor behind.
import { beforeAll, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { useBackend } from '../backend/index.ts'
import { InvalidArgumentError } from '../errors.ts'
import { PatchProjection } from '../nn/index.ts'
import { dispose, grads, sum, type Tensor, zeros } from '../tf.ts'
import {
  adaptiveMaxPool,
  attention,
  biasGelu,
  checkpoint,
  depthwiseConv2d,
  gatherRows,
  interpolate,
  layerNorm,
  linear,
  linearGelu,
  rmsNorm,
  rotary,
  scatterRows,
  selfAttention,
  siluMul,
  unfold,
} from './index.ts'

type Case = [message: string, shapes: number[][], run: (...xs: Tensor[]) => Tensor]

const twoHeads = { numHeads: 2 }
const qkv = (k: number[], v: number[]) => [[1, 3, 4], k, v]
const attend = (q: Tensor, k: Tensor, v: Tensor, mask?: Tensor) => attention(q, k, v, { ...twoHeads, mask })

const CASES: Case[] = [
  ['linear: input of width 3 does not fit a weight of 2x4', [[5, 3], [2, 4]], (x, w) => linear(x, w)],
  ['linear: bias is [3], expected [2]', [[5, 4], [2, 4], [3]], linear],
  ['linear: weight is [8], expected [out, in]', [[5, 8], [8]], (x, w) => linear(x, w)],
  ['linearGelu: bias is [3], expected [2]', [[5, 4], [2, 4], [3]], (x, w, b) => linearGelu(x, w, b)],
  ['biasGelu: bias is [1], expected [4]', [[5, 4], [1]], (x, b) => biasGelu(x, b)],
  ['layerNorm: weight is [3], expected [4]', [[2, 4], [3], [4]], (x, w, b) => layerNorm(x, w, b, 1e-6)],
  ['layerNorm: bias is [1, 4], expected [4]', [[2, 4], [4], [1, 4]], (x, w, b) => layerNorm(x, w, b, 1e-6)],
  ['rmsNorm: weight is [3], expected [4]', [[2, 4], [3]], (x, w) => rmsNorm(x, w, 1e-6)],
  ['siluMul: up is [2, 3], expected [2, 4]', [[2, 4], [2, 3]], siluMul],
  ['rotary: cos is [2, 2], expected [3, D / 2]', [[3, 8], [2, 2], [2, 2]], rotary],
  ['rotary: width 8 must be a multiple of a head\'s 6', [[3, 8], [3, 3], [3, 3]], rotary],
  ['attention: 3 prefixes, expected at most 2', [[1, 3, 4], [1, 2, 4]], (q, k) => attention(q, q, q, { ...twoHeads, prefix: [k, k, k] })],
  ['width 4 must be divisible by 3 heads', qkv([1, 5, 4], [1, 5, 4]), (q, k, v) => attention(q, k, v, { numHeads: 3 })],
  ['numHeads is 0', qkv([1, 5, 4], [1, 5, 4]), (q, k, v) => attention(q, k, v, { numHeads: 0 })],
  ['attention: q is [3, 4], expected [B, N, C]', [[3, 4], [5, 4], [5, 4]], (q, k, v) => attend(q, k, v)],
  ['attention: k is [1, 5, 6], expected [1, M, 4]', qkv([1, 5, 6], [1, 5, 4]), (q, k, v) => attend(q, k, v)],
  ['attention: k is [2, 5, 4], expected [1, M, 4]', qkv([2, 5, 4], [2, 5, 4]), (q, k, v) => attend(q, k, v)],
  ['attention: v is [1, 6, 4], expected [1, 5, 4]', qkv([1, 5, 4], [1, 6, 4]), (q, k, v) => attend(q, k, v)],
  ['attention: mask is [5, 3], expected [3, 5]', [...qkv([1, 5, 4], [1, 5, 4]), [5, 3]], attend],
  ['attention: mask is [1, 2, 3, 5], expected [1, 1, 1, 5]', [...qkv([1, 5, 4], [1, 5, 4]), [1, 2, 3, 5]], attend],
  ['4 heads cannot share 3 heads', qkv([1, 5, 3], [1, 5, 3]), (q, k, v) => attention(q, k, v, { numHeads: 4, numKeyValueHeads: 3 })],
  ['attention: k is [1, 5, 4], expected [1, M, 2]', qkv([1, 5, 4], [1, 5, 4]), (q, k, v) => attention(q, k, v, { ...twoHeads, numKeyValueHeads: 1 })],
  ['attention: prefix is [1, 3, 4], expected [1, P, 8]', [...qkv([1, 5, 4], [1, 5, 4]), [1, 3, 4]], (q, k, v, prefix) => attention(q, k, v, { ...twoHeads, prefix })],
  ['causal attention: 3 queries have only 2 keys', qkv([1, 2, 4], [1, 2, 4]), (q, k, v) => attention(q, k, v, { ...twoHeads, causal: true })],
  ['selfAttention: qkv is [3, 12], expected [B, N, 3C]', [[3, 12]], (x) => selfAttention(x, twoHeads)],
  ['must be divisible by 2 heads', [[1, 3, 13]], (x) => selfAttention(x, twoHeads)],
  ['bias is [4], expected [12]', [[1, 3, 12], [4]], (x, bias) => selfAttention(x, { ...twoHeads, bias })],
  ['prefix is [2, 3, 8], expected [1, M, 8]', [[1, 3, 12], [2, 3, 8]], (x, prefix) => selfAttention(x, { ...twoHeads, prefix })],
  ['prefix is [1, 3, 12], expected [1, M, 8]', [[1, 3, 12], [12], [1, 3, 12]], (x, bias, prefix) => selfAttention(x, { ...twoHeads, bias, prefix })],
  ['adaptiveMaxPool: x is [4, 4], expected [B, H, W]', [[4, 4]], (x) => adaptiveMaxPool(x, 2, 2)],
  ['outWidth is 0', [[1, 4, 4]], (x) => adaptiveMaxPool(x, 2, 0)],
  ['interpolate: x is [4], expected [..., H, W]', [[4]], (x) => interpolate(x, 2, 2, 'area')],
  ['outHeight is 2.5', [[4, 4]], (x) => interpolate(x, 2.5, 2, 'area')],
  ['cannot resample 0 values to 2', [[0, 4]], (x) => interpolate(x, 2, 2, 'nearest')],
  ['a 5x4 picture does not divide into patches of 2', [[1, 3, 5, 4]], (x) => unfold(x, 2)],
  ['unfold: x is [3, 4, 4], expected [B, C, H, W]', [[3, 4, 4]], (x) => unfold(x, 2)],
  ['patchSize is 0', [[1, 3, 4, 4]], (x) => unfold(x, 0)],
  ['weight is [2, 1, 3, 3], expected [3, 1, k, k]', [[1, 4, 4, 3], [2, 1, 3, 3], [3]], depthwiseConv2d],
  ['bias is [2], expected [3]', [[1, 4, 4, 3], [3, 1, 3, 3], [2]], depthwiseConv2d],
  ['a kernel of 2x2 has no centre', [[1, 4, 4, 3], [3, 1, 2, 2], [3]], depthwiseConv2d],
  ['row 5 (at 1 of 2) is not one of 5', [[5, 2]], (x) => gatherRows(x, [0, 5])],
  ['row -1 (at 0 of 1) is not one of 5', [[5, 2]], (x) => gatherRows(x, Int32Array.of(-1))],
  ['2 rows to move, but 1 places', [[5, 2]], (x) => scatterRows(x, [0, 1], [0], 3)],
  ['row 3 (at 0 of 1) is not one of 3', [[5, 2]], (x) => scatterRows(x, [0], [3], 3)],
  ['linear: input of width 4', [[5, 4], [2, 3]], (x, w) => checkpoint((y: Tensor) => linear(y, w), [x], [w])],
  ['patches of 5 values do not fit a weight of [2, 3, 2, 2], which takes 12', [[1, 3, 5]], (x) => {
    const projection = new PatchProjection(3, 2, 2)
    projection.initialize(1)
    try {
      return projection.forward(x)
    } finally {
      projection.dispose()
    }
  }],
] // biome-ignore format: one line per case reads as a table

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`misfits on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(CASES)('%s', (message, shapes, run) =>
      expectNoLeak(() => {
        const inputs = shapes.map((shape) => zeros(shape))
        const attempt = () => run(...inputs)
        expect(attempt).toThrow(InvalidArgumentError)
        expect(attempt).toThrow(message)
        // Under a tape too.
        expect(() => grads((...xs: Tensor[]) => sum(run(...xs)))(inputs)).toThrow(InvalidArgumentError)
        dispose(inputs)
      }),
    )

    it('does nothing well: no rows picked, none placed', () =>
      expectNoLeak(() => {
        const x = zeros([5, 2])
        const picked = gatherRows(x, [])
        expect(picked.shape).toEqual([0, 2])
        const placed = scatterRows(x, [], [], 3)
        expect(placed.shape).toEqual([3, 2])
        expect([...placed.dataSync()]).toEqual([0, 0, 0, 0, 0, 0])
        dispose([x, picked, placed])
      }))
  })
}
