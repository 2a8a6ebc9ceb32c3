// Five pictures that the built-in model was not trained on, with what to ask about them: three of data-synth from its
// held-out split, and two photographs with printed matter composed in.

import { type Box, drawPicture, pictureRandom } from '@ps3js/data-synth'
import type { RgbImage } from '@ps3js/ps3-encoder'
import sharp, { type OverlayOptions } from 'sharp'

export interface HeldOutPicture {
  name: string
  image: RgbImage
  questions: { prompt: string; boxes: Box[] }[]
}

const WIDTH = 3840
const HEIGHT = 2160

/** Drawn one after the other: each is 25 MB of pixels. */
export async function* heldOutPictures(): AsyncGenerator<HeldOutPicture> {
  yield await drawn('street', 'scenes', 4, ['van', 'sign'])
  yield await drawn('shops', 'scenes', 5, ['car', 'shop sign'])
  yield await drawn('chart', 'documents', 3, ['bar'])
  yield await photograph('china', [
    sign([420, 1180, 760, 420], '#cd2328', 'EXIT'),
    sign([1720, 1460, 640, 380], '#2355c3', 'TAXI'),
    await page([2760, 820, 720, 1000], 1),
  ])
  yield await photograph('coffee', [
    sign([2700, 300, 700, 400], '#289141', 'OPEN'),
    sign([380, 420, 640, 400], '#f5d232', 'SALE'),
    await page([300, 1150, 680, 900], 4),
  ])
}

/** Picture `index` of the held-out split; asked for each kind in the colour of its largest object. */
async function drawn(
  name: string,
  kind: 'scenes' | 'documents',
  index: number,
  kinds: string[],
): Promise<HeldOutPicture> {
  const [width, height] = kind === 'scenes' ? [WIDTH, HEIGHT] : [2672, 3780]
  const random = pictureRandom(2026, index)
  const { image, objects } = await drawPicture({ kind, random, width, height, split: 'heldout' })
  const questions = kinds.flatMap((noun) => {
    const alike = objects.filter((object) => object.kind.endsWith(noun)).sort((a, b) => areaOf(b) - areaOf(a))
    const [largest] = alike
    if (!largest) return []
    const boxes = alike.filter(({ color }) => color === largest.color).map(({ box }) => box)
    return [{ prompt: `the ${largest.color} ${noun}`, boxes }]
  })
  return { name, image, questions }
}

const areaOf = ({ box: [x1, y1, x2, y2] }: { box: Box }) => (x2 - x1) * (y2 - y1)

interface Printed {
  overlay: OverlayOptions
  /** What to ask; a page lies there to be left alone. */
  question?: { prompt: string; boxes: Box[] }
}

type Place = [x: number, y: number, width: number, height: number]

const NAMES: Record<string, string> = {
  '#cd2328': 'red',
  '#2355c3': 'blue',
  '#289141': 'green',
  '#f5d232': 'yellow',
}

function sign(place: Place, color: string, text: string): Printed {
  const [left, top, width, height] = place
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect x="6" y="6" width="${width - 12}" height="${height - 12}" rx="40" fill="${color}" stroke="#fff" stroke-width="12"/><text x="50%" y="66%" text-anchor="middle" font-family="sans-serif" font-weight="bold" font-size="${height * 0.45}" fill="#fff">${text}</text></svg>`
  return {
    overlay: { input: Buffer.from(svg), left, top },
    question: { prompt: `the ${NAMES[color]} sign`, boxes: [[left, top, left + width, top + height]] },
  }
}

/** A printed page, drawn larger and made small. */
async function page(place: Place, index: number): Promise<Printed> {
  const [left, top, width, height] = place
  const { image } = await drawPicture({
    kind: 'documents',
    random: pictureRandom(2027, index),
    width: 2 * width,
    height: 2 * height,
    split: 'heldout',
  })
  const raw = { width: image.width, height: image.height, channels: 3 as const }
  const input = await sharp(image.data, { raw }).resize(width, height).png().toBuffer()
  return { overlay: { input, left, top } }
}

async function photograph(name: string, printed: Printed[]): Promise<HeldOutPicture> {
  const file = new URL(`../../../data-synth/assets/photos/${name}.jpg`, import.meta.url)
  const { data, info } = await sharp(file.pathname)
    .resize(WIDTH, HEIGHT, { fit: 'cover' })
    .removeAlpha()
    .composite(printed.map(({ overlay }) => overlay))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return {
    name,
    image: { width: info.width, height: info.height, data: new Uint8Array(data) },
    questions: printed.flatMap(({ question }) => question ?? []),
  }
}
