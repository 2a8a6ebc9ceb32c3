// Coloured shapes with captions and boxes, drawn while training: nothing to download, and no picture is seen twice.
import { drawShapes, pictureRandom } from '@ps3js/data-synth'
import { boxesToMap } from '@ps3js/patch-selector'

/** Seeds of training and evaluation never meet: one is even, the other odd. */
const trainingSeed = (seed) => 2 * seed
const evaluationSeed = (seed) => 2 * seed + 1

/** Endless. Samples of one picture share it, so that it is computed once. */
export const toySamples = ({ seed, size, captions }) =>
  pictureSource(captions, (index) => draw(trainingSeed(seed), index, size, 'train'))

/** Endless: `count` samples of each picture, which `draw` makes of its number. The position is the number of samples so far. */
export function pictureSource(count, draw) {
  return {
    async *open(state) {
      let picture
      for (let position = state ?? 0; ; position++) {
        const index = Math.floor(position / count)
        if (picture?.index !== index) picture = { index, samples: draw(index) }
        yield { sample: picture.samples[position % count], state: position + 1 }
      }
    },
  }
}

/** Pictures of another seed, whose combinations of colour and shape were held out of training. */
export function toyEvaluationSamples({ seed, size, captions, pictures }) {
  return async function* () {
    for (let index = 0; index < pictures; index++) {
      yield* draw(evaluationSeed(seed), index, size, 'heldout').slice(0, captions)
    }
  }
}

function draw(seed, index, size, split) {
  const { image, objects } = drawShapes({ random: pictureRandom(seed, index), size, split })
  const samples = objects.map(({ box, caption }) => ({
    image,
    caption,
    boxes: [box],
    region: regionOf(box, image),
    isGlobalText: false,
    key: String(index),
  }))
  return samples
}

function regionOf(box, size) {
  const { data, height, width } = boxesToMap([box], size, size)
  return { height, width, data: Float32Array.from(data) }
}
