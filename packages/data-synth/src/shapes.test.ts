// Shapes: boxes are the pixels that changed, splits share no caption, and equal seeds give equal bytes.
import { InvalidArgumentError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { pictureRandom } from './seeding.ts'
import { drawShapes, shapeCaptions } from './shapes.ts'
import type { Box } from './types.ts'

const overlap = (a: Box, b: Box) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]

describe('drawShapes', () => {
  it('boxes exactly what it painted', () => {
    // Noise stays below 192 in every channel and channels differ by at most 63; every colour breaks one of the two.
    const painted = (r: number, g: number, b: number) =>
      Math.max(r, g, b) > 192 || Math.max(r, g, b) - Math.min(r, g, b) > 63
    for (let index = 0; index < 20; index++) {
      const { image, objects } = drawShapes({ random: pictureRandom(1, index) })
      for (const { box, caption } of objects) {
        const found: Box = [Infinity, Infinity, 0, 0]
        // A margin of four pixels: what lies just outside must be noise.
        for (let y = box[1] - 4; y < box[3] + 4; y++)
          for (let x = box[0] - 4; x < box[2] + 4; x++) {
            const i = (y * image.width + x) * 3
            if (y < 0 || x < 0 || !painted(image.data[i]!, image.data[i + 1]!, image.data[i + 2]!)) continue
            found[0] = Math.min(found[0], x)
            found[1] = Math.min(found[1], y)
            found[2] = Math.max(found[2], x + 1)
            found[3] = Math.max(found[3], y + 1)
          }
        expect(found, caption).toEqual(box)
      }
    }
  })

  it('neither overlaps nor repeats, and stays inside', () => {
    for (let index = 0; index < 50; index++) {
      const { objects, image } = drawShapes({
        random: pictureRandom(2, index),
        size: 64 + index,
        split: 'heldout',
      })
      expect(new Set(objects.map(({ caption }) => caption)).size).toBe(8)
      for (const [i, { box }] of objects.entries()) {
        expect(Math.min(...box) >= 0 && Math.max(box[2], box[3]) <= image.width).toBe(true)
        for (const other of objects.slice(i + 1)) expect(overlap(box, other.box)).toBe(false)
      }
    }
  })

  it('holds a quarter of the combinations out, of every colour and every shape', () => {
    const [train, heldout] = [shapeCaptions('train'), shapeCaptions('heldout')]
    expect([train.length, heldout.length]).toEqual([48, 16])
    expect(new Set([...train, ...heldout]).size).toBe(64)
    for (const part of [0, 1])
      expect(new Set(heldout.map((caption) => caption.split(' ')[part])).size).toBe(8)
    for (const split of ['train', 'heldout'] as const)
      for (const object of drawShapes({ random: pictureRandom(3, 0), split, objects: 16 }).objects) {
        expect(shapeCaptions(split)).toContain(object.caption)
        expect(object.split).toBe(split)
      }
  })

  it('depends on seed and index alone', () => {
    const draw = (seed: number, index: number) => drawShapes({ random: pictureRandom(seed, index), size: 96 })
    expect(draw(5, 7)).toEqual(draw(5, 7))
    expect(draw(5, 7).image.data).not.toEqual(draw(5, 8).image.data)
    expect(draw(5, 7).image.data).not.toEqual(draw(6, 7).image.data)
  })

  it('says what it cannot draw', () => {
    const random = pictureRandom(0, 0)
    expect(() => drawShapes({ random, size: 63 })).toThrow(InvalidArgumentError)
    expect(() => drawShapes({ random, objects: 17, split: 'heldout' })).toThrow(/17 .*1 and 16/)
  })
})
