// Synthetic scenes and documents at true 4K, drawn once into a folder of squares of bytes and then asked about again and again.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawPicture, pictureRandom } from '@ps3js/data-synth'
import { boxesToMap } from '@ps3js/patch-selector'
import { Random } from '@ps3js/tensor'

/** Sizes that a picture is drawn in before it is squashed to the model's square, as any picture is. */
const SIZES = {
  scenes: [
    [3780, 3780],
    [3840, 2160],
    [3840, 2160],
  ],
  documents: [
    [2672, 3780],
    [3780, 3780],
  ],
}

/** One picture: squashed bytes, and objects with boxes in the square. */
async function drawSquare({ kind, seed, index, split, processor }) {
  const [width, height] = SIZES[kind][index % SIZES[kind].length]
  const drawn = await drawPicture({ kind, random: pictureRandom(seed, index), width, height, split })
  const image = processor.process(drawn.image)
  const [x, y] = [image.width / width, image.height / height]
  const objects = drawn.objects.map(({ box: [x1, y1, x2, y2], ...object }) => ({
    ...object,
    box: [x1 * x, y1 * y, x2 * x, y2 * y],
  }))
  return { image, objects, domain: drawn.domain }
}

/**
 * The first `scenes` scenes and `documents` documents of a seed, from `folder` or drawn into it: a picture of 4K takes seconds
 * to draw and a twentieth of one to read. Every picture holds 43 MB.
 */
export async function picturePool({ folder, scenes, documents, onPicture, ...options }) {
  const wanted = Object.entries({ scenes, documents }).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, index) => ({ ...options, kind, index })),
  )
  const pool = []
  for (const picture of wanted) {
    pool.push(await keptSquare(folder, picture))
    onPicture?.(pool.length, wanted.length)
  }
  return pool
}

async function keptSquare(folder, options) {
  const { kind, split, seed, index } = options
  const name = join(folder, `${kind}-${split}-${seed}-${String(index).padStart(4, '0')}`)
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

/** A smaller object is asked for with its like only: a cell of the map is a 729th of the picture. */
const SMALLEST_SHARE = 0.0007

/** What one may ask: all of a kind and colour, of a kind, of a colour; one object by its own caption; and the small print. */
export function questions(objects, count, random) {
  const large = objects.filter(({ box }) => shareOf([box]) >= SMALLEST_SHARE)
  const asked = new Map()
  for (let tries = 0; asked.size < count && tries < 80; tries++) {
    const from = large.length > 0 && random.integer(8) > 0 ? large : objects
    const { caption, color, kind } = from[random.integer(from.length)]
    const article = ARTICLES[random.integer(ARTICLES.length)]
    // A shop sign is a sign.
    const noun = random.integer(2) ? kind : kind.split(' ').at(-1)
    const isKind = (other) => other.kind === kind || other.kind.endsWith(noun)
    const both = [`${article}${color} ${noun}`, (other) => isKind(other) && other.color === color]
    const [text, isMeant] = [
      both,
      both,
      both,
      both,
      both,
      [`${article}${noun}`, isKind],
      [`${article}${noun}`, isKind],
      [`something ${color}`, (other) => other.color === color],
      [caption, (other) => other.caption === caption],
      [`${article}small print`, ({ text, minResolution }) => text !== '' && minResolution > SMALL_PRINT],
    ][random.integer(10)]
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
