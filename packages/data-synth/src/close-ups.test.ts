// Close-ups: whole marks of the sizes that need them, on what they lie on, and what is beside them.
import { describe, expect, it } from 'vitest'
import { drawCloseUps } from './close-ups.ts'
import { pictureRandom } from './seeding.ts'

const drawn = Array.from({ length: 60 }, (_, i) =>
  drawCloseUps({ random: pictureRandom(3, i), color: 'red', beside: 2 }),
)

/** Pixels of which `is` is true. */
function count(image: { data: Uint8Array }, is: (r: number, g: number, b: number) => boolean): number {
  let found = 0
  for (let at = 0; at < image.data.length; at += 3)
    if (is(image.data[at]!, image.data[at + 1]!, image.data[at + 2]!)) found++
  return found
}
const isBlack = (r: number, g: number, b: number) => Math.max(r, g, b) < 64
const isRed = (r: number, g: number, b: number) => r > 170 && g < 80 && b < 80

describe('drawCloseUps', () => {
  it('shows each mark whole, on the colour of its shape', () => {
    for (const { dot, label } of drawn) {
      for (const { image } of [dot, label]) {
        expect(image.data.length).toBe(70 * 70 * 3)
        // A margin as wide as the mark, but for specks.
        expect(count(image, isRed)).toBeGreaterThan(100)
      }
      expect(dot.color).not.toBe('red')
      expect(label.text).toMatch(/^\d$/)
      // Seven columns and nine rows of at least two pixels, less than half of it ink.
      expect(count(label.image, isBlack)).toBeGreaterThan((7 * 9 * 2 ** 2) / 2)
    }
    expect(new Set(drawn.map(({ dot }) => dot.color)).size).toBe(7)
    expect(new Set(drawn.map(({ label }) => label.text)).size).toBe(10)
  })

  it('shows no mark beside them', () => {
    for (const { beside } of drawn) {
      expect(beside).toHaveLength(2)
      // Specks of nine pixels, one in ten of them black, on an eighth of the shape.
      for (const image of beside) expect(count(image, isBlack)).toBeLessThan(70 ** 2 / 20)
    }
  })

  it('writes what it is told to', () => {
    const letters = Array.from({ length: 60 }, (_, i) => {
      const { label } = drawCloseUps({ random: pictureRandom(4, i), color: 'cyan', writing: 'letters' })
      return label.text
    })
    for (const text of letters) expect(text).toMatch(/^[A-Z]{1,4}$/)
    expect(new Set(letters.map(({ length }) => length)).size).toBe(4)
  })

  it('says where characters and dots are', () => {
    let [whole, ink] = [0, 0]
    for (let i = 0; i < 60; i++) {
      const { dot, label } = drawCloseUps({ random: pictureRandom(6, i), color: 'red', writing: 'letters' })
      const characters = label.seen.filter(({ place }) => place !== undefined)
      expect(characters.map(({ what }) => what).join('')).toBe(label.text)
      expect(characters.map(({ place }) => place)).toEqual([...label.text].map((_, at) => at))
      const { width, data } = label.image
      for (const { box } of characters) {
        // Columns and rows of strokes begin and end at the box.
        const [x1, y1, x2, y2] = box
        whole += (x2 - x1) * (y2 - y1)
        for (let y = y1; y < y2; y++)
          for (let x = x1; x < x2; x++) if (data[3 * (y * width + x)]! > 190) ink++
      }
      const [{ what, box }] = dot.seen.filter(({ place }) => place === undefined) as [(typeof dot.seen)[0]]
      expect(what).toBe(dot.color)
      expect(box[2] - box[0]).toBe(box[3] - box[1])
      expect(Math.min(...box)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...box)).toBeLessThanOrEqual(70)
    }
    // A third to a half of five columns and seven rows is ink.
    expect(ink / whole).toBeGreaterThan(0.33)
    expect(ink / whole).toBeLessThan(0.6)
  })

  it('depends on the generator alone', () => {
    const draw = (index: number) =>
      drawCloseUps({ random: pictureRandom(5, index), color: 'blue', beside: 1 })
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
  })
})
