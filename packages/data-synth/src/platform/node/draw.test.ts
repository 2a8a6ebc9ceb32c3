// Scenes and documents: boxes hold exactly what an object changed, captions name one object, splits share nothing.
import { createCanvas } from '@napi-rs/canvas'
import { beforeAll, describe, expect, it } from 'vitest'
import { FONTS } from '../../fonts.ts'
import { MIN_X_HEIGHT_PIXELS } from '../../resolution.ts'
import { pictureRandom } from '../../seeding.ts'
import { splitOfCombination, splitOfWord } from '../../splits.ts'
import type { Box, Split, SynthObject } from '../../types.ts'
import { SHARED_WORDS, WORDS } from '../../words.ts'
import { loadAssets } from './assets.ts'
import { lettering } from './brush.ts'
import { DOMAINS, type Domain, type Drawing, drawDomain, rgbOf } from './draw.ts'
import { prepareLetters } from './items/writing.ts'
import { Stage } from './stage.ts'

const [WIDTH, HEIGHT] = [1024, 896]
const ALL = [...DOMAINS.scenes, ...DOMAINS.documents]

const draw = (domain: Domain, index: number, split: Split = 'train', omit?: number) =>
  drawDomain(domain, { random: pictureRandom(11, index), width: WIDTH, height: HEIGHT, split, omit })

/** Two drawings of every domain and split. */
const drawn: { split: Split; drawing: Drawing }[] = []

beforeAll(async () => {
  for (const domain of ALL)
    for (const split of ['train', 'heldout'] as const)
      for (const index of [0, 1]) drawn.push({ split, drawing: await draw(domain, index, split) })
})

const objectsOf = (split: Split): SynthObject[] =>
  drawn.filter((one) => one.split === split).flatMap(({ drawing }) => drawing.objects)

/** The smallest box around every pixel that differs. */
function difference(a: Uint8Array, b: Uint8Array): Box {
  const box: Box = [Infinity, Infinity, 0, 0]
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue
    const pixel = Math.floor(i / 4)
    const [x, y] = [pixel % WIDTH, Math.floor(pixel / WIDTH)]
    box[0] = Math.min(box[0], x)
    box[1] = Math.min(box[1], y)
    box[2] = Math.max(box[2], x + 1)
    box[3] = Math.max(box[3], y + 1)
  }
  return box
}

describe('pictures', () => {
  it('show many objects', () => {
    for (const { drawing } of drawn) expect(drawing.objects.length, drawing.domain).toBeGreaterThan(7)
  })

  // Without an object, exactly its box changes: it is drawn nowhere else, and nothing hides it. Its faintest edge pixels
  // may round to what is behind them, so a side may lie up to two pixels further in, never further out.
  it.each(ALL)('%s: leaving an object out changes its box and nothing else', async (domain) => {
    const whole = await draw(domain, 0)
    const pixels = whole.canvas.data()
    const step = Math.max(1, Math.floor(whole.objects.length / 5))
    for (let i = 0; i < whole.objects.length; i += step) {
      const without = await draw(domain, 0, 'train', i)
      const { box, caption } = whole.objects[i]!
      const changed = difference(pixels, without.canvas.data())
      expect(without.objects).toEqual(whole.objects)
      for (const [side, value] of changed.entries()) {
        const inwards = side < 2 ? value - box[side]! : box[side]! - value
        expect(inwards, `${caption}: ${changed} in ${box}`).toBeGreaterThanOrEqual(0)
        expect(inwards, `${caption}: ${changed} in ${box}`).toBeLessThanOrEqual(2)
      }
    }
  })

  it('are the same for the same seed and index, and others otherwise', async () => {
    for (const domain of ['driving', 'form'] as const) {
      const [once, again, other] = [await draw(domain, 0), await draw(domain, 0), await draw(domain, 1)]
      expect(Buffer.compare(once.canvas.data(), again.canvas.data())).toBe(0)
      expect(once.objects).toEqual(again.objects)
      expect(Buffer.compare(once.canvas.data(), other.canvas.data())).not.toBe(0)
    }
  })

  it('have objects that lie inside, and apart or one within the other', () => {
    for (const { drawing } of drawn) {
      for (const [i, { box: a, caption }] of drawing.objects.entries()) {
        expect(a[0] >= 0 && a[1] >= 0 && a[2] <= WIDTH && a[3] <= HEIGHT, caption).toBe(true)
        for (const { box: b, caption: other } of drawing.objects.slice(i + 1)) {
          const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0])
          const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1])
          if (w <= 0 || h <= 0) continue
          // Parts come after what they are parts of, and stick out by a marker's or a soft edge's breadth at most.
          const share = (w * h) / ((b[2] - b[0]) * (b[3] - b[1]))
          expect(share, `${drawing.domain}: ${other} in ${caption}`).toBeGreaterThan(0.7)
        }
      }
    }
  })

  it('have captions that name one object each', () => {
    for (const { drawing } of drawn) {
      const captions = drawing.objects.map(({ caption }) => caption.toLowerCase())
      expect(captions.filter((caption, i) => captions.indexOf(caption) !== i)).toEqual([])
      for (const { caption } of drawing.objects)
        expect(caption).not.toMatch(/undefined|null|\ba [aeio]|\ban [^aeiou]/)
    }
  })
})

describe('splits', () => {
  it('share no word but the small ones', () => {
    for (const split of ['train', 'heldout'] as const)
      for (const { text } of objectsOf(split))
        for (const word of text
          .split(/[\s]+/)
          .filter((word) => word && !SHARED_WORDS.includes(word.replace(/^The$/, 'the'))))
          expect(splitOfWord(word), word).toBe(split)
  })

  it('share no combination of colour and object', () => {
    for (const split of ['train', 'heldout'] as const) {
      const colored = objectsOf(split).filter(({ caption, color, kind }) =>
        caption.includes(`${color} ${kind}`),
      )
      expect(colored.length).toBeGreaterThan(100)
      for (const { color, kind } of colored)
        expect(
          splitOfCombination(color as Parameters<typeof splitOfCombination>[0], kind),
          `${color} ${kind}`,
        ).toBe(split)
    }
  })

  it('have words of every list and fonts of every style', () => {
    for (const [name, words] of Object.entries(WORDS)) {
      expect(new Set(words).size, name).toBe(words.length)
      const heldOut = words.filter((word) => splitOfWord(word) === 'heldout').length
      expect(heldOut, name).toBeGreaterThanOrEqual(6)
      expect(heldOut / words.length, name).toBeLessThan(0.3)
    }
    const styles = (split: Split) => [
      ...new Set(FONTS.filter((font) => font.split === split).map(({ style }) => style)),
    ]
    expect(styles('heldout').toSorted()).toEqual(styles('train').toSorted())
    expect(new Set(FONTS.map(({ family }) => family)).size).toBe(22)
    const heldOut = FONTS.filter((font) => font.split === 'heldout').map(({ family }) => family)
    expect(FONTS.filter((font) => font.split === 'train' && heldOut.includes(font.family))).toEqual([])
  })
})

describe('the resolution at which objects can be told apart', () => {
  it('is never above the picture’s own', () => {
    for (const { drawing } of drawn)
      for (const { minResolution, caption } of drawing.objects) {
        expect(minResolution, caption).toBeLessThanOrEqual(Math.max(WIDTH, HEIGHT))
        expect(minResolution, caption).toBeGreaterThan(0)
      }
  })

  it('follows from the height of an x, which every font has as stated', async () => {
    const pictures = await loadAssets()
    for (const font of FONTS) {
      const stage = new Stage({
        random: pictureRandom(0, 0),
        width: 1000,
        height: 500,
        split: 'train',
        pictures,
      })
      prepareLetters(stage, {
        kind: 'letter',
        text: 'x',
        styles: font,
        xHeight: 40,
        color: 'black',
        isPlain: true,
      }).addAt(100, 100)
      const [{ box, minResolution }] = stage.objects() as [SynthObject]
      // A soft edge adds a pixel or falls short of one; the legs of a handwritten x reach below the line.
      expect(box[3] - box[1], font.family).toBeGreaterThanOrEqual(39)
      expect(box[3] - box[1], font.family).toBeLessThanOrEqual(font.style === 'hand' ? 47 : 41)
      expect(minResolution).toBe((1000 * MIN_X_HEIGHT_PIXELS) / 40)
      expect(lettering(font, 40).xHeight).toBe(40)
    }
  })

  it('leaves text with a contrast that can be read', async () => {
    // The first drawing of every domain and split.
    for (const { drawing } of drawn.filter((_, i) => i % 2 === 0)) {
      const data = drawing.canvas.data()
      for (const { box, text, caption } of drawing.objects.filter(({ text }) => text)) {
        let [low, high] = [255, 0]
        for (let y = box[1]; y < box[3]; y++)
          for (let x = box[0]; x < box[2]; x++) {
            const i = (y * WIDTH + x) * 4
            const grey = 0.3 * data[i]! + 0.59 * data[i + 1]! + 0.11 * data[i + 2]!
            low = Math.min(low, grey)
            high = Math.max(high, grey)
          }
        expect(high - low, `${caption} (${text})`).toBeGreaterThan(60)
      }
    }
  })
})

it('has opaque pixels only', async () => {
  const { canvas } = await draw('household', 0)
  const data = canvas.data()
  let least = 255
  for (let i = 3; i < data.length; i += 4) least = Math.min(least, data[i]!)
  expect(least).toBe(255)
  expect(rgbOf(createCanvas(2, 1)).data).toEqual(new Uint8Array(6))
})
