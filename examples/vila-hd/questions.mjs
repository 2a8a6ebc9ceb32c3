// Questions about pictures that are drawn as they are needed, for training and for measuring.
import { askQuestions, drawMarks, pictureRandom } from '@ps3js/data-synth'

/** Asked of each picture, to choose from. */
const MANY = 60

/**
 * A picture and `count` questions about it; fewer only where it has not so many.
 * @param options `size`: the model's, in pixels; `letters`: as `drawMarks` has it; `kinds` and `needs` (resolutions): default
 *   all; `isBlind`: shows a grey square in its place
 */
export function askedPicture({ seed, index, size, split, letters, count, kinds, needs, isBlind = false }) {
  const random = pictureRandom(seed, index)
  const drawn = drawMarks({ random, size, split, needs, letters })
  const rows = askQuestions(drawn.objects, { kind: 'marks', random, count: MANY, longSide: size })
  const image = isBlind ? greySquare(size) : drawn.image
  const isWanted = ({ kind, minResolution }) =>
    (!kinds || kinds.includes(kind)) && (!needs || needs.includes(minResolution))
  const wanted = random.shuffle(rows.filter(isWanted))
  // Accuracy is counted by kind and needed resolution.
  return wanted.slice(0, count).map((row) => ({ ...row, image, kind: `${row.kind}@${row.minResolution}` }))
}

/** One for all: samples that share an image share what is computed of it. */
const greys = new Map()
function greySquare(size) {
  if (!greys.has(size))
    greys.set(size, { width: size, height: size, data: new Uint8Array(size * size * 3).fill(128) })
  return greys.get(size)
}

/** Pictures one after the other in which nothing can be asked before it is said that this has no end. */
const IN_VAIN = 50

/** Endless, for training. A position is a picture and how many of its questions were taken. */
export function questionSource(options) {
  return {
    async *open(state) {
      const first = state ?? { index: 0, taken: 0 }
      let last = first.index
      for (let { index, taken } = first; ; index++, taken = 0) {
        const samples = askedPicture({ ...options, index, split: 'train', letters: true })
        if (samples.length > 0) last = index
        if (index - last > IN_VAIN)
          throw new Error(
            `none of ${IN_VAIN} pictures has a question of ${options.kinds ?? 'any kind'} that needs ${options.needs ?? 'any resolution'}`,
          )
        for (const [i, sample] of samples.entries())
          if (i >= taken) yield { sample, state: { index, taken: i + 1 } }
      }
    },
  }
}

/** Pictures that nobody trained on: other seeds, and by default held-out words and combinations of colour and shape. */
export function evaluationQuestions({ pictures, split = 'heldout', ...options }) {
  return async function* () {
    for (let index = 0; index < pictures; index++) yield* askedPicture({ ...options, index, split })
  }
}
