// What documents say of themselves: receipts add up, bars are as high as their values, every price has its item.
import { describe, expect, it } from 'vitest'
import { pictureRandom } from '../../../seeding.ts'
import type { Split, SynthObject } from '../../../types.ts'
import { type Domain, drawDomain } from '../draw.ts'

/** One sheet in the picture, so that all of its objects belong together. */
const draw = (domain: Domain, index: number, split: Split) =>
  drawDomain(domain, {
    random: pictureRandom(5, index),
    width: domain === 'chart' ? 1400 : 900,
    height: 1200,
    split,
  })

const ofKind = (objects: readonly SynthObject[], kind: string) => objects.filter((one) => one.kind === kind)
const centre = ({ box: [x1, y1, x2, y2] }: SynthObject) => [(x1 + x2) / 2, (y1 + y2) / 2] as const

const SHEETS = (['train', 'heldout'] as const).flatMap((split) =>
  [0, 1, 2].map((index) => [split, index] as const),
)

describe.each(SHEETS)('%s %i', (split, index) => {
  it('receipts add up', async () => {
    const { objects } = await draw('receipt', index, split)
    const cents = (kind: string) => ofKind(objects, kind).map(({ text }) => Math.round(100 * Number(text)))
    expect(cents('price').length).toBeGreaterThan(3)
    expect(cents('total')).toEqual([cents('price').reduce((sum, price) => sum + price, 0)])
  })

  it('bars reach as high as their values, on an axis of equal steps', async () => {
    const { objects } = await draw('chart', index, split)
    const axis = ofKind(objects, 'axis number').map((one) => ({ value: Number(one.text), y: centre(one)[1] }))
    const step = axis[0]!.value - axis[1]!.value
    for (const [i, { value }] of axis.entries()) expect(value).toBe(axis[0]!.value - i * step)
    const perPixel = (axis[0]!.value - axis.at(-1)!.value) / (axis.at(-1)!.y - axis[0]!.y)
    const values = ofKind(objects, 'bar value')
    expect(values.length).toBeGreaterThan(1)
    for (const one of values) {
      const [x] = centre(one)
      const bar = ofKind(objects, 'bar').find(
        ({ box }) => box[0] < x + 20 && box[2] > x - 20 && box[1] > one.box[1],
      )!
      // Both ends of the bar lie on the sheet's own verticals, so its turn (at most .085) shortens height and axis alike;
      // its breadth adds to the box what the turn makes of it.
      const height = bar.box[3] - bar.box[1]
      const breadth = 0.09 * (bar.box[2] - bar.box[0])
      const wanted = (Number(one.text) - axis.at(-1)!.value) / perPixel
      expect(Math.abs(height - wanted), one.text).toBeLessThan(3 + breadth)
    }
  })

  it('shares of a pie add up to 100', async () => {
    const { objects } = await draw('chart', index, split)
    const shares = ofKind(objects, 'share').map(({ text }) => Number(text))
    if (shares.length === 4) expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 6)
  })

  it('captions that refer to another object have one', async () => {
    for (const domain of ['receipt', 'table', 'form', 'chart'] as const) {
      const { objects } = await draw(domain, index, split)
      const texts = new Set(objects.map(({ text }) => text))
      for (const { caption, kind } of objects) {
        const named = /^(?:the (?:price|value|share|bar|swatch) (?:of|for)|what is written under) (.*)$/.exec(
          caption,
        )
        if (named) expect(texts, `${kind}: ${caption}`).toContain(named[1])
      }
    }
  })
})
