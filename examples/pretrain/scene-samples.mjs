// Synthetic scenes and documents, drawn once into a folder of squares of bytes and then asked about again and again.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawPicture, pictureRandom } from '@ps3js/data-synth'
import { boxesToMap } from '@ps3js/patch-selector'
import { Random } from '@ps3js/tensor'

/** Sizes that a picture is drawn in, as shares of the long side, before it is squashed to a square, as any picture is. */
const SHAPES = {
  scenes: [
    [1, 1],
    [1, 9 / 16],
    [1, 9 / 16],
  ],
  documents: [
    [2672 / 3780, 1],
    [1, 1],
  ],
}

/** One picture: squashed bytes, and objects with boxes in the square. */
async function drawSquare({ kind, seed, index, split, longSide, processor }) {
  const [width, height] = SHAPES[kind][index % SHAPES[kind].length].map((share) =>
    Math.round(share * longSide),
  )
  const drawn = await drawPicture({ kind, random: pictureRandom(seed, index), width, height, split })
  const image = processor.process(drawn.image)
  const [x, y] = [image.width / width, image.height / height]
  const objects = drawn.objects.map(({ box: [x1, y1, x2, y2], kind, color }) => ({
    kind,
    color,
    box: [x1 * x, y1 * y, x2 * x, y2 * y],
  }))
  return { image, objects }
}

/**
 * The first `scenes` scenes and `documents` documents of a seed: their truth, and `read` for the bytes, which stay on disk.
 * What the folder lacks is drawn into it. A picture of 4K takes a second to draw and a twentieth of one to read; it holds 43 MB.
 *
 * @param longSide pixels to draw; `processor` then squashes to the square that is kept
 */
export async function picturePool({ folder, scenes, documents, onPicture, ...options }) {
  const wanted = Object.entries({ scenes, documents }).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, index) => ({ ...options, kind, index })),
  )
  await mkdir(folder, { recursive: true })
  const pool = []
  for (const picture of wanted) {
    pool.push(await keptSquare(folder, picture))
    onPicture?.(pool.length, wanted.length)
  }
  return pool
}

async function keptSquare(folder, options) {
  const { kind, split, seed, index, longSide } = options
  const name = join(folder, `${kind}-${split}-${seed}-${longSide}-${String(index).padStart(4, '0')}`)
  const known = await readFile(`${name}.json`, 'utf8').catch(() => null)
  const { size, objects } = known ? JSON.parse(known) : await keep(name, await drawSquare(options))
  return {
    size,
    objects,
    read: async () => ({ ...size, data: new Uint8Array(await readFile(`${name}.rgb`)) }),
  }
}

async function keep(name, { image: { data, ...size }, objects }) {
  await writeFile(`${name}.rgb`, data)
  await writeFile(`${name}.json.part`, JSON.stringify({ size, objects }))
  await rename(`${name}.json.part`, `${name}.json`)
  return { size, objects }
}

/** Pictures one after the other in which nothing can be asked before it is said that this has no end. */
const IN_VAIN = 200

/**
 * Endless: pictures of the pool in random order, `captions` questions about each. `pool` is asked for when it begins.
 * @param ask a form of `FORMS`
 */
export function sceneSamples({ seed, captions, ask, pool }) {
  return {
    async *open(state) {
      const pictures = await pool()
      let last = state ?? 0
      for (let count = last; ; count++) {
        if (count - last > IN_VAIN)
          throw new Error(
            `none of ${IN_VAIN} pictures has anything to ask about ${ask}: draw more of them, or other ones`,
          )
        const random = pictureRandom(seed, count)
        const picture = pictures[random.integer(pictures.length)]
        for await (const sample of samplesOf(picture, { captions, ask, random, key: count })) {
          last = count
          yield { sample, state: count + 1 }
        }
      }
    },
  }
}

/** Pictures that nobody trained on, a few questions about each. */
export function sceneEvaluationSamples({ captions, ask, pool, seed }) {
  return async function* () {
    for (const [index, picture] of (await pool()).entries())
      yield* samplesOf(picture, { captions, ask, random: new Random(seed + index), key: index })
  }
}

async function* samplesOf({ size, objects, read }, { captions, key, ...options }) {
  const asked = questions(objects, { size, count: captions, ...options })
  if (asked.length === 0) return
  const image = await read()
  for (const question of asked)
    yield {
      image,
      ...question,
      region: regionOf(question.boxes, size),
      isGlobalText: false,
      key: String(key),
    }
}

const ARTICLES = ['the ', 'a ', '']
/** A question about more of the picture than this selects nothing. */
const LARGEST_SHARE = 0.04
/** A cell of the map. Smaller objects are asked for with their like only. */
const SMALLEST_SHARE = 1 / 27 ** 2
/** Black and white are everywhere, in paper, print and glass: who learns from them learns nothing for long. */
const COLORS = new Set(['red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'brown'])
/** Things that are filled with their colour, by the last word of their kind: a shop sign is a sign. */
const THINGS = new Set(
  `sign board banner label tag note button icon badge bar book box carton packet bottle can vase lamp mug bowl kettle cushion
  ball pot candle car van truck bus bench bin hydrant mailbox cone umbrella star heart gem robot slime ghost mushroom chest
  shield potion`.split(/\s+/),
)

/** What a stage asks for: colours alone, which are learned first; mostly things of a colour. */
const FORMS = {
  colours: ['color'],
  things: ['both', 'both', 'both', 'both', 'both', 'both', 'color', 'kind'],
}

/** `count` questions about a picture, or none: each with the boxes of all that its words mean. */
export function questions(objects, { size, count, ask, random }) {
  const shareOf = (boxes) =>
    boxes.reduce((sum, [x1, y1, x2, y2]) => sum + (x2 - x1) * (y2 - y1), 0) / (size.width * size.height)
  const things = objects.map(({ kind, ...object }) => ({ ...object, noun: kind.split(' ').at(-1) }))
  const large = things.filter(
    ({ box, color, noun }) => shareOf([box]) >= SMALLEST_SHARE && COLORS.has(color) && THINGS.has(noun),
  )
  // Each thing of a colour once: a page has one headline and fifty buttons.
  const pairs = [...new Map(large.map(({ noun, color }) => [`${color} ${noun}`, { noun, color }])).values()]
  const asked = new Map()
  for (let tries = 0; asked.size < count && tries < 10 * count && pairs.length > 0; tries++) {
    const { noun, color } = pairs[random.integer(pairs.length)]
    const article = ARTICLES[random.integer(ARTICLES.length)]
    const form = FORMS[ask][random.integer(FORMS[ask].length)]
    const [text, isMeant] = {
      both: [`${article}${color} ${noun}`, (one) => one.noun === noun && one.color === color],
      color: [`something ${color}`, (one) => one.color === color],
      kind: [`${article}${noun}`, (one) => one.noun === noun],
    }[form]
    const boxes = things.filter(isMeant).map(({ box }) => box)
    if (shareOf(boxes) <= LARGEST_SHARE) asked.set(text, boxes)
  }
  // Always as many: a picture with little in it is asked again.
  const list = [...asked].map(([caption, boxes]) => ({ caption, boxes }))
  return Array.from({ length: list.length > 0 ? count : 0 }, (_, i) => list[i % list.length])
}

/** Finer than any map, as fine as the finest patches at most. */
function regionOf(boxes, size) {
  const side = Math.min(Math.round(size.width / 7), 270)
  const map = boxesToMap(boxes, size, { width: side, height: side })
  return { height: map.height, width: map.width, data: Float32Array.from(map.data) }
}
