// Patches cut by the backend's own kernel against those cut on plain arrays, which are proved against PyTorch.
import { nativeStatus, Random, type Tensor, tensorData, useBackend, withPlainOps } from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { expectNoLeak, requireOrSkip } from '../../../../tools/test-support.ts'
import { OPENAI_MEAN, OPENAI_STD } from '../image/index.ts'
import { PictureBatch } from './picture.ts'

const native = await nativeStatus()
const describeNative = requireOrSkip(
  native.cpu.usable && native.cpu.fused,
  `patches cut natively: ${native.cpu.reason ?? 'the prebuilt addon has no fused kernels'}`,
)

function pictures(height: number, width: number): PictureBatch {
  const random = new Random(height + width)
  const noise = () => Uint8Array.from({ length: height * width * 3 }, () => random.uint32() & 255)
  const images = [0, 1].map(() => ({ width, height, data: noise() }))
  return new PictureBatch(images, [56, 112], 14, { mean: OPENAI_MEAN, std: OPENAI_STD })
}

describeNative('patches of resized pictures', () => {
  beforeAll(() => useBackend('node'))

  // Larger, smaller and wider than the 56 px square; 61 x 43 leaves bytes over that fill no integer.
  it.each([
    [112, 112],
    [43, 61],
    [30, 90],
    [56, 56],
  ])('of %d x %d pixels are the same with and without the kernel', (height, width) =>
    expectNoLeak(async () => {
      const batch = pictures(height, width)
      const [fused, plain]: [Tensor, Tensor] = [
        batch.lowResPatches(),
        withPlainOps(() => batch.lowResPatches()),
      ]
      expect(fused.shape).toEqual(plain.shape)
      const [a, b] = [await tensorData(fused), await tensorData(plain)]
      // Sums of 16 products in float32 and float64, of values below 3.
      const wrong = a.findIndex((x, i) => !(Math.abs(x - b[i]!) <= 3e-6))
      expect(wrong, `element ${wrong}: ${a[wrong]}, plain ${b[wrong]}`).toBe(-1)
      fused.dispose()
      plain.dispose()
    }),
  )
})
