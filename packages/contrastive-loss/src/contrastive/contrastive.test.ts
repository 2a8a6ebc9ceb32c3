// The contrastive losses: recorded values and gradients, double precision where nothing was recorded, chunks and memory.
import {
  dispose,
  grads,
  memory,
  profile,
  Random,
  scalar,
  Tape,
  type Tensor,
  tensor2d,
  tensorData,
  useBackend,
  zeros,
} from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { clipLoss, LOGIT_SCALE_RANGE, type PairOptions, sigLipLoss } from '../index.ts'
import { expectClose, readRecorded } from '../recorded.fixture.ts'
import { clip64, differences, type Sample64, sigLip64 } from './float64.fixture.ts'

/** Bar of the project for float32; SigLIP is two orders of magnitude nearer. */
const TOLERANCE = 1e-5
/**
 * The recorded softmax losses are near 6e-4 and computed as log p with p near 1, whose last place is 6e-8: their own
 * distance from double precision is 5e-5, their gradients' 1e-3 (where terms cancel).
 */
const RECORDED_SOFTMAX = { loss: 1e-4, gradient: 2e-3 }

type Loss = 'sigLip' | 'clip'
interface Inputs {
  images: Tensor
  texts: Tensor
  logScale: Tensor
  bias: Tensor
}

const lossOf = (loss: Loss, { images, texts, logScale, bias }: Inputs, options: PairOptions = {}) => {
  const common = { imageFeatures: images, textFeatures: texts, logitScale: logScale, ...options }
  return loss === 'clip' ? clipLoss(common) : sigLipLoss({ ...common, logitBias: bias })
}

/** [B][D], rows of length 1. */
function unitRows(batch: number, width: number, random: Random): number[][] {
  return Array.from({ length: batch }, () => {
    const row = [...random.fillNormal(new Float32Array(width))]
    return row.map((x) => Math.fround(x / Math.hypot(...row)))
  })
}

function sampleOf(seed: number, batch: number, width: number, rest: Partial<Sample64> = {}): Sample64 {
  const random = new Random(seed)
  const [images, texts] = [unitRows(batch, width, random), unitRows(batch, width, random)]
  return { images, texts, logScale: Math.fround(2.3), bias: -3, ...rest }
}

const tensorsOf = ({ images, texts, logScale, bias }: Sample64): Inputs => ({
  images: tensor2d(images),
  texts: tensor2d(texts),
  logScale: scalar(logScale),
  bias: scalar(bias),
})

/** Value and gradients under a tape. */
function differentiate(loss: Loss, inputs: Inputs, options: PairOptions = {}) {
  const tape = new Tape()
  const value = tape.record(() => lossOf(loss, inputs, options))
  const [images, texts, logScale, bias] = tape.gradients([{ y: value }], Object.values(inputs))
  return { value, images: images!, texts: texts!, logScale: logScale!, bias }
}

async function expectSame64(loss: Loss, sample: Sample64, options: PairOptions = {}): Promise<void> {
  const reference = loss === 'clip' ? clip64 : sigLip64
  const want = differences(reference, sample)
  await expectNoLeak(async () => {
    const inputs = tensorsOf(sample)
    const got = differentiate(loss, inputs, { pictures: sample.pictures, ...options })
    await expectClose(got.value, [reference(sample)], TOLERANCE, 'value')
    await expectClose(got.images, want.images, TOLERANCE, 'images')
    await expectClose(got.texts, want.texts, TOLERANCE, 'texts')
    await expectClose(got.logScale, want.logScale, TOLERANCE, 'logScale')
    if (got.bias) await expectClose(got.bias, want.bias, TOLERANCE, 'bias')
    dispose([inputs, got] as never)
  })
}

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`contrastive losses on ${backend}`, () => {
    beforeAll(() => useBackend(backend))

    it.each(['siglip_loss_0', 'siglip_loss_1', 'clip_loss_0', 'clip_loss_1'])('%s', async (name) => {
      const recorded = await readRecorded(name)
      const loss: Loss = name.startsWith('clip') ? 'clip' : 'sigLip'
      const tolerance = loss === 'clip' ? RECORDED_SOFTMAX : { loss: TOLERANCE, gradient: TOLERANCE }
      await expectNoLeak(async () => {
        const inputs: Inputs = {
          images: await recorded.tensor('image_features'),
          texts: await recorded.tensor('text_features'),
          logScale: await recorded.tensor('logit_scale_log'),
          bias: loss === 'clip' ? scalar(0) : await recorded.tensor('logit_bias'),
        }
        const got = differentiate(loss, inputs)
        await expectClose(got.value, await recorded.values('loss'), tolerance.loss)
        const close = async (x: Tensor, output: string) =>
          expectClose(x, await recorded.values(output), tolerance.gradient, output)
        await close(got.images, 'grad_image_features')
        await close(got.texts, 'grad_text_features')
        await close(got.logScale, 'grad_logit_scale_log')
        if (loss === 'sigLip') await close(got.bias!, 'grad_logit_bias')
        dispose([inputs, got] as never)
      })
    })

    it.each(['sigLip', 'clip'] as const)('%s is what the paper writes, in double precision', async (loss) => {
      await expectSame64(loss, sampleOf(1, 6, 5))
      await expectSame64(loss, sampleOf(2, 1, 3))
    })

    it.each(['sigLip', 'clip'] as const)('%s leaves out pairs of one picture', async (loss) => {
      await expectSame64(loss, sampleOf(3, 6, 4, { pictures: [7, 7, 1, 7, 2, 1] }))
      await expectSame64(loss, sampleOf(3, 6, 4, { pictures: [7, 7, 1, 7, 2, 1] }), { chunkSize: 4 })
      // Nothing is left to tell the pairs of one picture from.
      await expectSame64(loss, sampleOf(4, 3, 4, { pictures: [5, 5, 5] }))
    })

    it.each(['sigLip', 'clip'] as const)('%s in chunks is the same, of any size', async (loss) => {
      await expectNoLeak(async () => {
        const inputs = tensorsOf(sampleOf(5, 9, 6))
        const plain = differentiate(loss, inputs)
        for (const chunkSize of [1, 2, 4, 8, 9, 100]) {
          const chunked = differentiate(loss, inputs, { chunkSize })
          for (const name of ['value', 'images', 'texts', 'logScale', 'bias'] as const) {
            const want = plain[name]
            // Sums in another order: some units in the last place.
            if (want)
              await expectClose(chunked[name]!, await tensorData(want), 2e-6, `${name} by ${chunkSize}`)
          }
          dispose(chunked as never)
        }
        dispose([inputs, plain] as never)
      })
    })

    it.each(['sigLip', 'clip'] as const)("%s runs under tfjs's own gradients", async (loss) => {
      await expectNoLeak(async () => {
        const inputs = tensorsOf(sampleOf(6, 4, 3))
        const tape = differentiate(loss, inputs, { chunkSize: 3 })
        const { images, texts, logScale, bias } = inputs
        const both = (a: Tensor, b: Tensor) =>
          lossOf(loss, { images: a, texts: b, logScale, bias }, { chunkSize: 3 })
        const own = grads(both)([images, texts])
        await expectClose(own[0]!, await tensorData(tape.images), 0)
        await expectClose(own[1]!, await tensorData(tape.texts), 0)
        dispose([inputs, tape, own] as never)
      })
    })

    it('keeps the scale within its range, ends included', async () => {
      const [least, most] = LOGIT_SCALE_RANGE
      for (const logScale of [least, Math.fround(most)]) {
        const inputs = tensorsOf(sampleOf(7, 4, 3, { logScale }))
        const got = differentiate('sigLip', inputs)
        expect((await tensorData(got.logScale))[0]).not.toBe(0)
        dispose([inputs, got] as never)
      }
      for (const [logScale, used] of [
        [-1, least],
        [9, most],
      ] as const) {
        const inputs = tensorsOf(sampleOf(7, 4, 3, { logScale }))
        const got = differentiate('sigLip', inputs)
        await expectClose(got.value, [sigLip64(sampleOf(7, 4, 3, { logScale: used }))], TOLERANCE)
        expect([...(await tensorData(got.logScale))]).toEqual([0])
        dispose([inputs, got] as never)
      }
    })

    it.each(['sigLip', 'clip'] as const)(
      '%s stays exact where pairs stand out, and finite where they are lost',
      async (loss) => {
        const axis = (i: number) => [0, 1, 2, 3].map((d) => (d === i ? 1 : 0))
        const images = [0, 1, 2, 3].map(axis)
        // Logits of 90 and -10, and the other way round: p - 1 would be 0 in float32 for the first.
        await expectSame64(loss, { images, texts: images, logScale: Math.log(12), bias: -4 })
        const inputs = tensorsOf({
          images,
          texts: [1, 2, 3, 0].map(axis),
          logScale: Math.log(100),
          bias: -10,
        })
        const got = differentiate(loss, inputs)
        const all = [got.value, got.images, got.texts, got.logScale]
        for (const x of all) expect([...(await tensorData(x))].every(Number.isFinite)).toBe(true)
        dispose([inputs, got] as never)
      },
    )
  })
}

describe('memory of the contrastive losses', () => {
  beforeAll(() => useBackend('cpu'))

  it.each(['sigLip', 'clip'] as const)(
    '%s in chunks grows with the batch, not with its square',
    async (loss) => {
      const width = 4
      const peak = async (batch: number, chunkSize?: number) => {
        const inputs = tensorsOf(sampleOf(8, batch, width))
        const before = memory().numBytes
        const { peakBytes } = await profile(() => {
          const got = differentiate(loss, inputs, { chunkSize })
          dispose(got as never)
          return []
        })
        dispose(inputs as never)
        return peakBytes - before
      }
      const chunked = [await peak(32, 2), await peak(64, 2), await peak(128, 2)] as const
      expect(chunked[1]).toBeLessThan(2.1 * chunked[0])
      expect(chunked[2]).toBeLessThan(2.1 * chunked[1])
      // Two dozen arrays of 2 rows of pairs, and of features.
      expect(chunked[2]).toBeLessThan(24 * 4 * (2 * 128 + width * 128))
      const whole = [await peak(32), await peak(64), await peak(128)] as const
      expect(whole[1]).toBeGreaterThan(3.5 * whole[0])
      expect(whole[2]).toBeGreaterThan(15 * chunked[2])
    },
  )
})

describe('bad input of the contrastive losses', () => {
  beforeAll(() => useBackend('cpu'))
  const given = (shapes: { images?: number[]; texts?: number[]; scale?: number[] }) => ({
    imageFeatures: zeros(shapes.images ?? [2, 3]),
    textFeatures: zeros(shapes.texts ?? [2, 3]),
    logitScale: zeros(shapes.scale ?? []),
    logitBias: zeros([1]),
  })

  it.each([
    [() => given({ texts: [3, 3] }), 'textFeatures is [3,3], imageFeatures is [2,3]'],
    [() => given({ texts: [2, 4] }), 'textFeatures is [2,4], imageFeatures is [2,3]'],
    [() => given({ images: [2], texts: [2] }), 'imageFeatures is [2], expected [B, D]'],
    [
      () => given({ images: [0, 3], texts: [0, 3] }),
      'imageFeatures is [0,3], expected [B, D] with at least one sample',
    ],
    [() => given({ scale: [2] }), 'logitScale is [2], expected one value'],
    [() => ({ ...given({}), pictures: [1] }), '1 pictures for 2 samples'],
    [() => ({ ...given({}), chunkSize: 0 }), 'chunkSize is 0, expected an integer of at least 1'],
    [() => ({ ...given({}), chunkSize: 1.5 }), 'chunkSize is 1.5, expected an integer of at least 1'],
    [
      () => ({
        ...given({}),
        workers: { rank: 1, imageFeatures: [zeros([2, 3])], textFeatures: [zeros([2, 3])] },
      }),
      'images of 1 workers and texts of 1 at rank 1',
    ],
    [
      () => ({
        ...given({}),
        workers: { rank: 0, imageFeatures: [zeros([2, 3])], textFeatures: [zeros([1, 3])] },
      }),
      'textFeatures of worker 0 is [1,3], imageFeatures is [2,3]',
    ],
  ])('is refused before anything is computed: %#', async (make, message) => {
    const options = make()
    for (const loss of [sigLipLoss, clipLoss]) {
      await expectNoLeak(() => expect(() => loss(options)).toThrow(message))
    }
    dispose(options as never)
  })
})
