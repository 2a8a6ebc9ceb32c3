// Marks: every object of the size that its resolution says, parts within their wholes, and fast enough to train from.
import { InvalidArgumentError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { isInk, textColumns } from './glyphs.ts'
import { drawMarks } from './marks.ts'
import { RESOLUTIONS } from './resolution.ts'
import { pictureRandom } from './seeding.ts'
import { shapeCaptions } from './shapes.ts'
import { splitOfWord } from './splits.ts'

const pictures = Array.from({ length: 10 }, (_, i) => drawMarks({ random: pictureRandom(1, i), size: 3780 }))

describe('drawMarks', () => {
  it('puts a dot and a label on each of seven shapes of different colours, apart from each other', () => {
    for (const { objects, image } of pictures) {
      expect(image.data.length).toBe(3780 * 3780 * 3)
      expect(objects.length).toBe(21)
      for (let i = 0; i < 21; i += 3) {
        const [shape, dot, label] = objects.slice(i, i + 3)
        expect([dot!.kind, label!.kind]).toEqual(['dot', 'label'])
        expect(dot!.caption).toBe(`the dot on ${shape!.caption}`)
        for (const { box } of [dot!, label!]) {
          expect(box[0] >= shape!.box[0] && box[2] <= shape!.box[2]).toBe(true)
          expect(box[1] >= shape!.box[1] && box[3] <= shape!.box[3]).toBe(true)
        }
        expect(dot!.box[3] <= label!.box[1] || label!.box[3] <= dot!.box[1]).toBe(true)
        expect(dot!.color).not.toBe(shape!.color)
      }
    }
  })

  it('fills a dot with its colour and writes a label in ink', () => {
    const { image, objects } = pictures[0]!
    const pixel = (x: number, y: number) => [
      ...image.data.subarray((y * 3780 + x) * 3, (y * 3780 + x) * 3 + 3),
    ]
    for (const { box, kind, text } of objects) {
      const [x, y] = [(box[0] + box[2]) >> 1, (box[1] + box[3]) >> 1]
      // A quarter of the way out from the centre is still dot.
      const out = (box[2] - box[0]) >> 2
      if (kind === 'dot') expect(pixel(x + out, y)).toEqual(pixel(x, y - out))
      if (kind !== 'label') continue
      const unit = (box[3] - box[1] + 0.5) / 9
      let ink = 0
      for (let column = 0; column < textColumns(text); column++)
        for (let row = 0; row < 7; row++) {
          const at = (n: number, from: number) => Math.floor(from + (n + 1.5) * unit)
          const isGround = `${pixel(at(column, box[0]), at(row, box[1]))}` === `${pixel(box[0], box[1])}`
          ink += Number(isGround !== isInk(text, column, row))
        }
      // Half a pixel of rounding may put the last columns of small letters beside the grid.
      expect(ink / (7 * textColumns(text)), text).toBeGreaterThan(0.8)
    }
  })

  it('has dots and numbers of every resolution', () => {
    for (const kind of ['dot', 'label']) {
      const parts = pictures.flatMap(({ objects }) => objects.filter((one) => one.kind === kind))
      const classes = parts.map(({ minResolution }) => RESOLUTIONS.find((one) => one >= minResolution))
      for (const one of RESOLUTIONS)
        expect(classes.filter((c) => c === one).length, `${kind} ${one}`).toBeGreaterThan(2)
    }
  })

  it('keeps splits apart', () => {
    for (const split of ['train', 'heldout'] as const) {
      const { objects } = drawMarks({ random: pictureRandom(2, 0), size: 1024, split })
      let ofSplit = 0
      for (const { kind, color, text } of objects) {
        if (text.length > 1) expect(splitOfWord(text)).toBe(split)
        if (kind === 'dot' || kind === 'label') continue
        if (shapeCaptions(split).includes(`${color} ${kind}`)) ofSplit++
      }
      expect(ofSplit).toBeGreaterThanOrEqual({ train: 7, heldout: 4 }[split])
    }
  })

  it('writes letters in any order where it is told to', () => {
    const texts = Array.from({ length: 12 }, (_, i) =>
      drawMarks({ random: pictureRandom(3, i), size: 600, letters: true }).objects.flatMap(
        ({ kind, text }) => (kind === 'label' && !/\d/.test(text) ? [text] : []),
      ),
    ).flat()
    for (const text of texts) expect(text).toMatch(/^[A-Z]{1,4}$/)
    expect(new Set(texts.map(({ length }) => length)).size).toBe(4)
    // Seventy words of training would come up again and again.
    const long = texts.filter(({ length }) => length > 2)
    expect(new Set(long).size).toBe(long.length)
  })

  it('depends on the generator alone, and refuses what is too small', () => {
    const draw = (index: number) => drawMarks({ random: pictureRandom(5, index), size: 600 })
    const [once, again, other] = [draw(7), draw(7), draw(8)]
    expect(once.objects).toEqual(again.objects)
    expect(Buffer.compare(once.image.data, again.image.data)).toBe(0)
    expect(Buffer.compare(once.image.data, other.image.data)).not.toBe(0)
    expect(() => drawMarks({ random: pictureRandom(0, 0), size: 511 })).toThrow(InvalidArgumentError)
    expect(() => drawMarks({ random: pictureRandom(0, 0), size: 600, needs: [1512, 3780] })).toThrow(
      /no mark of a picture of 600 pixels needs 1512 or 3780/,
    )
  })
})
