// Coloured shapes with captions and boxes, drawn while training: nothing to download, and no picture is seen twice.
import { drawShapes, pictureRandom } from '@ps3js/data-synth'
import { boxesToMap } from '@ps3js/patch-selector'

/** Seeds of training and evaluation never meet: one is even, the other odd. */
const trainingSeed = (seed) => 2 * seed
const evaluationSeed = (seed) => 2 * seed + 1

/** Endless; the position is the number of samples so far. Samples of one picture share it, so that it is computed once. */
export function toySamples({ seed, size, captions }) {
  return {
    async *open(state) {
      let picture
      for (let count = state ?? 0; ; count++) {
        const index = Math.floor(count / captions)
        if (picture?.index !== index) picture = draw(trainingSeed(seed), index, size, 'train')
        yield { sample: picture.samples[count % captions], state: count + 1 }
      }
    },
  }
}

/** Pictures of another seed, whose combinations of colour and shape were held out of training. */
export function toyEvaluationSamples({ seed, size, captions, pictures }) {
  return async function* () {
    for (let index = 0; index < pictures; index++) {
      yield* draw(evaluationSeed(seed), index, size, 'heldout').samples.slice(0, captions)
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
  return { index, samples }
}

function regionOf(box, size) {
  const { data, height, width } = boxesToMap([box], size, size)
  return { height, width, data: Float32Array.from(data) }
}
