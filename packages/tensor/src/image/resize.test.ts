// Resizing against Pillow: recorded hashes of whole results, so every bit counts.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { formulaImage } from '../../../../tools/formula-image.ts'
import { ImageError, InvalidArgumentError } from '../errors.ts'
import { resize, resizeBicubic, resizeBilinear } from './resize.ts'

interface Recorded {
  width: number
  height: number
  toWidth: number
  toHeight: number
  bicubic: string
  bilinear: string
}

const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/image/resize-hashes.json', import.meta.url), 'utf8'),
) as Recorded[]
const sha256 = (data: Uint8Array | Uint8ClampedArray) => createHash('sha256').update(data).digest('hex')

describe('resize', () => {
  it.each(recorded)('$width x $height to $toWidth x $toHeight', (row) => {
    const image = formulaImage(row.height, row.width)
    expect(sha256(resizeBicubic(image, row.toWidth, row.toHeight).data)).toBe(row.bicubic)
    expect(sha256(resizeBilinear(image, row.toWidth, row.toHeight).data)).toBe(row.bilinear)
  })

  it('copies when the size stays', () => {
    const image = formulaImage(9, 5)
    const same = resize(image, 5, 9, 'bicubic')
    expect(same).toEqual(image)
    expect(same.data).not.toBe(image.data)
  })

  it('refuses what it cannot do', () => {
    const image = formulaImage(4, 4)
    expect(() => resizeBicubic(image, 0, 4)).toThrow(InvalidArgumentError)
    expect(() => resizeBicubic({ ...image, width: 5 }, 4, 4)).toThrow(
      /5x4 RGB picture takes 60 bytes, but its data holds 48/,
    )
    expect(() => resizeBicubic(image, 4, 2 ** 50)).toThrow(ImageError)
    expect(() => resizeBicubic(image, 4, 4, { signal: AbortSignal.abort() })).toThrow(/abort/i)
  })
})
