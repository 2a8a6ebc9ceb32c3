// Patch sampling against recorded PyTorch results and a direct float64 resize.
import { readFileSync } from 'node:fs'
import type { RgbImage } from '@ps3js/tensor'
import { ImageError, InvalidArgumentError, Random } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { formulaImage } from '../../../../tools/formula-image.ts'
import { largestDifference } from '../../../../tools/test-support.ts'
import { cubicTaps } from './cubic-taps.ts'
import { OPENAI_MEAN, OPENAI_STD } from './normalization.ts'
import { samplePatches } from './sample-patches.ts'

interface Recorded {
  interpolate: { inHW: [number, number]; outHW: [number, number]; input: string; output: string }[]
  patches: {
    height: number
    width: number
    targetHeight: number
    targetWidth: number
    patchSize: number
    indices: number[] | null
    mean: number[]
    std: number[]
    patches: string
  }[]
}

const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/preprocess/bicubic.json', import.meta.url), 'utf8'),
) as Recorded
const half = [0.5, 0.5, 0.5]

function floats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer)
}

function randomImage(height: number, width: number, seed: number): RgbImage {
  const random = new Random(seed)
  return { width, height, data: Uint8Array.from({ length: height * width * 3 }, () => random.uint32() & 255) }
}

/** Exact coordinates, whole picture, no separation: as slow and as plain as can be. */
function directResize(
  image: RgbImage,
  height: number,
  width: number,
  mean: readonly number[],
  std: readonly number[],
) {
  const kernel = (x: number) => {
    const d = Math.abs(x)
    if (d <= 1) return 1.25 * d ** 3 - 2.25 * d ** 2 + 1
    return d < 2 ? -0.75 * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0
  }
  const clamp = (i: number, size: number) => Math.min(Math.max(i, 0), size - 1)
  return (channel: number, row: number, column: number) => {
    const y = (image.height / height) * (row + 0.5) - 0.5
    const x = (image.width / width) * (column + 0.5) - 0.5
    let sum = 0
    for (let i = Math.floor(y) - 1; i <= Math.floor(y) + 2; i++) {
      for (let j = Math.floor(x) - 1; j <= Math.floor(x) + 2; j++) {
        const byte = image.data[(clamp(i, image.height) * image.width + clamp(j, image.width)) * 3 + channel]!
        sum += ((byte / 255 - mean[channel]!) / std[channel]!) * kernel(y - i) * kernel(x - j)
      }
    }
    return sum
  }
}

describe('cubicTaps', () => {
  it.each(recorded.interpolate)(
    'resizes $inHW to $outHW as PyTorch does',
    ({ inHW, outHW, input, output }) => {
      const [h, w] = inHW
      const [oh, ow] = outHW
      const source = floats(input)
      const rows = cubicTaps(h, oh)
      const columns = cubicTaps(w, ow)
      const result = new Float64Array(2 * oh * ow)
      for (let i = 0; i < result.length; i++) {
        const [channel, row, column] = [Math.floor(i / (oh * ow)), Math.floor(i / ow) % oh, i % ow]
        for (let a = row * 4; a < row * 4 + 4; a++) {
          for (let b = column * 4; b < column * 4 + 4; b++) {
            const value = source[(channel * h + rows.positions[a]!) * w + columns.positions[b]!]!
            result[i]! += rows.weights[a]! * columns.weights[b]! * value
          }
        }
      }
      // Inputs are of size 3; PyTorch sums sixteen float32 products.
      expect(largestDifference(result, floats(output))).toBeLessThan(5e-6)
    },
  )

  it('has weights that sum to 1', () => {
    const { weights } = cubicTaps(3780, 1512)
    for (let i = 0; i < weights.length; i += 4) {
      expect(weights[i]! + weights[i + 1]! + weights[i + 2]! + weights[i + 3]!).toBeCloseTo(1, 14)
    }
  })
})

describe('samplePatches', () => {
  it.each(recorded.patches)(
    'cuts PyTorch patches of $patchSize from $height x $width at $targetHeight x $targetWidth',
    ({ height, width, targetHeight, targetWidth, patchSize, indices, mean, std, patches }) => {
      const ids = indices && Int32Array.from(indices)
      const image = formulaImage(height, width)
      const sampled = samplePatches(image, targetHeight, targetWidth, patchSize, ids, mean, std)
      const expected = floats(patches)
      // Values reach 3: 1e-5 leaves room for PyTorch's float32 sums; where nothing is resized, every bit agrees.
      const bar = height === targetHeight && width === targetWidth ? 0 : 1e-5
      expect(largestDifference(sampled, expected)).toBeLessThanOrEqual(bar)
    },
  )

  it.each([
    [40, 61, 70, 42, 14],
    [100, 90, 32, 48, 16],
    [90, 130, 84, 56, 28],
    [33, 33, 14, 98, 14],
    [1, 7, 16, 16, 16],
  ])('agrees with a direct float64 resize of %i x %i to %i x %i, patch %i', (h, w, th, tw, patchSize) => {
    const image = randomImage(h, w, h * w)
    const direct = directResize(image, th, tw, OPENAI_MEAN, OPENAI_STD)
    const sampled = samplePatches(image, th, tw, patchSize, null, OPENAI_MEAN, OPENAI_STD)
    const plane = patchSize * patchSize
    const gridWidth = tw / patchSize
    const expected = Float64Array.from(sampled, (_, i) => {
      const [id, channel, pixel] = [Math.floor(i / (3 * plane)), Math.floor(i / plane) % 3, i % plane]
      const row = Math.floor(id / gridWidth) * patchSize + Math.floor(pixel / patchSize)
      return direct(channel, row, (id % gridWidth) * patchSize + (pixel % patchSize))
    })
    // Coordinates are float32 on purpose: below 130 pixels that moves them by 4e-6, times slopes of up to 5 per pixel.
    expect(largestDifference(sampled, expected)).toBeLessThan(3e-5)
  })

  it('cuts the same patches whether all are asked for or a few, in any order', () => {
    const image = randomImage(123, 77, 5)
    const all = samplePatches(image, 140, 98, 14, null, half, half)
    const ids = Int32Array.of(69, 0, 33, 34, 33)
    const some = samplePatches(image, 140, 98, 14, ids, half, half)
    ids.forEach((id, n) => {
      expect(some.subarray(n * 588, (n + 1) * 588)).toEqual(all.subarray(id * 588, (id + 1) * 588))
    })
  })

  it('writes into a given array and returns it', () => {
    const image = randomImage(28, 28, 1)
    const out = new Float32Array(4 * 588)
    expect(samplePatches(image, 28, 28, 14, null, half, half, out)).toBe(out)
    expect(out[0]).toBe(Math.fround(Math.fround(Math.fround(image.data[0]! / 255) - 0.5) / 0.5))
  })

  it('takes a selection of nothing, a single pixel and a very thin picture', () => {
    expect(samplePatches(randomImage(5, 5, 1), 28, 28, 14, new Int32Array(0), half, half)).toHaveLength(0)
    const pixel = samplePatches(
      { width: 1, height: 1, data: Uint8Array.of(255, 0, 0) },
      14,
      14,
      14,
      null,
      half,
      half,
    )
    // The four weights sum to 1 within float64 rounding.
    expect(pixel[0]).toBeCloseTo(1, 6)
    expect(pixel[587]).toBeCloseTo(-1, 6)
    expect(samplePatches(formulaImage(10, 20000), 28, 756, 14, null, half, half)).toHaveLength(108 * 588)
  })

  it('names what does not fit', () => {
    const image = randomImage(28, 28, 1)
    expect(() => samplePatches(image, 30, 28, 14, null, half, half)).toThrow(
      /30x28 must be divisible by the patch size 14/,
    )
    expect(() => samplePatches(image, 28, 28, 14, Int32Array.of(4), half, half)).toThrow(
      /patch 4 is not on the grid of 2x2/,
    )
    expect(() => samplePatches(image, 28, 28, 14, Int32Array.of(-1), half, half)).toThrow(
      InvalidArgumentError,
    )
    expect(() => samplePatches(image, 28, 28, 14, null, [0.5], half)).toThrow(/3 numbers each/)
    expect(() => samplePatches(image, 28, 28, 14, null, half, [0.5, 0, 0.5])).toThrow(/above 0/)
    expect(() => samplePatches(image, 28, 28, 14, null, half, half, new Float32Array(5))).toThrow(/need 2352/)
    const short = { width: 28, height: 28, data: new Uint8Array(5) }
    expect(() => samplePatches(short, 28, 28, 14, null, half, half)).toThrow(ImageError)
    const empty = { width: 0, height: 0, data: new Uint8Array(0) }
    expect(() => samplePatches(empty, 28, 28, 14, null, half, half)).toThrow(/0x0 pixels/)
  })
})
