// Synthetic scenes and documents at true 4K, drawn once into a folder of squares of bytes and then asked about again and again.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawPicture, pictureRandom } from '@ps3js/data-synth'
import { boxesToMap } from '@ps3js/patch-selector'
import { Random } from '@ps3js/tensor'

/** Sizes that a picture is drawn in before it is squashed to the model's square, as any picture is. */
const SIZES = {
  scenes: [
    [3840, 2160],
    [3780, 3780],
  ],
  documents: [
    [2672, 3780],
    [3780, 3780],
  ],
}
/** Two scenes for each document. */
const KINDS = ['scenes', 'documents', 'scenes']

/** Picture `index` of a seed: kind, domain, squashed bytes, and objects with boxes in the square. */
export async function drawSquare({ seed, index, split, processor }) {
  const kind = KINDS[index % KINDS.length]
  const [width, height] = SIZES[kind][Math.floor(index / KINDS.length) % 2]
  const drawn = await drawPicture({ kind, random: pictureRandom(seed, index), width, height, split })
  const image = processor.process(drawn.image)
  const [x, y] = [image.width / width, image.height / height]
  const objects = drawn.objects.map(({ box: [x1, y1, x2, y2], ...object }) => ({
    ...object,
    box: [x1 * x, y1 * y, x2 * x, y2 * y],
  }))
  return { image, objects, domain: drawn.domain }
}

/** The same, kept in a folder: a picture of 4K takes seconds to draw and a twentieth of one to read. */
export async function keptSquare(folder, options) {
  const name = join(folder, `${options.split}-${options.seed}-${String(options.index).padStart(5, '0')}`)
  const known = await readFile(`${name}.json`, 'utf8').catch(() => null)
  if (known) {
    const { width, height, ...truth } = JSON.parse(known)
    return { ...truth, image: { width, height, data: new Uint8Array(await readFile(`${name}.rgb`)) } }
  }
  const { image, ...truth } = await drawSquare(options)
  const { width, height } = image
  await mkdir(folder, { recursive: true })
  await writeFile(`${name}.rgb`, image.data)
  await writeFile(`${name}.json.part`, JSON.stringify({ width, height, ...truth }))
  await rename(`${name}.json.part`, `${name}.json`)
  return { image, ...truth }
}

/** Endless: pictures of the pool in random order, `captions` questions about each. */
export function sceneSamples({ seed, captions, pool }) {
  return {
    async *open(state) {
      for (let count = state ?? 0; ; count++) {
        const random = pictureRandom(seed, count)
        const { image, objects } = pool[random.integer(pool.length)]
        for (const question of questions(objects, captions, random)) {
          const sample = {
            image,
            ...question,
            region: regionOf(question.boxes, image),
            isGlobalText: false,
            key: String(count),
          }
          yield { sample, state: count + 1 }
        }
      }
    },
  }
}

/** Pictures that nobody trained on, a few questions about each. */
export function sceneEvaluationSamples({ captions, pool, seed }) {
  return async function* () {
    for (const [index, { image, objects }] of pool.entries()) {
      for (const question of questions(objects, captions, new Random(seed + index))) {
        yield {
          image,
          ...question,
          region: regionOf(question.boxes, image),
          isGlobalText: false,
          key: String(index),
        }
      }
    }
  }
}

const ARTICLES = ['the ', 'a ', '']
/** A question about more of the picture than this selects nothing. */
const LARGEST_SHARE = 0.05
/** Writing that needs more of the long side than this to be read is small print. */
const SMALL_PRINT = 2500

/** What one may ask: an object by its own caption, or all of a kind, of a colour, or of both; and the small print. */
export function questions(objects, count, random) {
  const asked = new Map()
  for (let tries = 0; asked.size < count && tries < 60; tries++) {
    const { caption, color, kind } = objects[random.integer(objects.length)]
    const article = ARTICLES[random.integer(ARTICLES.length)]
    // A shop sign is a sign.
    const noun = random.integer(2) ? kind : kind.split(' ').at(-1)
    const isKind = (other) => other.kind === kind || other.kind.endsWith(noun)
    const [text, isMeant] = [
      [caption, (other) => other.caption === caption],
      [caption, (other) => other.caption === caption],
      [`${article}${color} ${noun}`, (other) => isKind(other) && other.color === color],
      [`${article}${color} ${noun}`, (other) => isKind(other) && other.color === color],
      [`${article}${color} ${noun}`, (other) => isKind(other) && other.color === color],
      [`${article}${noun}`, isKind],
      [`something ${color}`, (other) => other.color === color],
      [`${article}small print`, ({ text, minResolution }) => text !== '' && minResolution > SMALL_PRINT],
    ][random.integer(8)]
    const boxes = objects.filter(isMeant).map(({ box }) => box)
    if (boxes.length > 0 && shareOf(boxes) <= LARGEST_SHARE) asked.set(text, boxes)
  }
  // Always as many: a picture with little in it is asked again.
  const list = [...asked].map(([caption, boxes]) => ({ caption, boxes }))
  return Array.from({ length: list.length > 0 ? count : 0 }, (_, i) => list[i % list.length])
}

const shareOf = (boxes) => boxes.reduce((sum, [x1, y1, x2, y2]) => sum + (x2 - x1) * (y2 - y1), 0) / 3780 ** 2

/** A cell for each patch of the finest scale. */
function regionOf(boxes, { width, height }) {
  const map = boxesToMap(boxes, { width, height }, { width: width / 14, height: height / 14 })
  return { height: map.height, width: map.width, data: Float32Array.from(map.data) }
}
