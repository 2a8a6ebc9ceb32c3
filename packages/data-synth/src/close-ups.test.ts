// Close-ups: whole marks of the sizes that need them, on what they lie on, and what is beside them.
import { describe, expect, it } from 'vitest'
import { drawCloseUps } from './close-ups.ts'
import { pictureRandom } from './seeding.ts'
import { splitOfWord } from './splits.ts'

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
    const written = (writing: 'letters' | 'word') =>
      Array.from({ length: 60 }, (_, i) => {
        const { label } = drawCloseUps({ random: pictureRandom(4, i), color: 'cyan', writing })
        return label.text
      })
    const letters = written('letters')
    for (const text of letters) expect(text).toMatch(/^[A-Z]{1,4}$/)
    expect(new Set(letters.map(({ length }) => length)).size).toBe(4)
    for (const text of written('word'))
      expect([/^[A-Z]{2,4}$/.test(text), splitOfWord(text)]).toEqual([true, 'train'])
  })

  it('depends on the generator alone', () => {
    const draw = (index: number) =>
      drawCloseUps({ random: pictureRandom(5, index), color: 'blue', beside: 1 })
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
  })
})
