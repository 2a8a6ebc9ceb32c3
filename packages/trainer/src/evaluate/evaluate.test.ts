// Evaluating in batches by the forward pass of training, against the encoder's public passes one sample at a time.
import { InvalidArgumentError, useBackend } from '@ps3js/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { buildModel, type TrainableModel } from '../run/model.ts'
import { tinyEvaluationSamples, tinyModelConfig } from '../run/tiny.fixture.ts'
import { evaluate } from './evaluate.ts'
import { evaluationScalars } from './summary.ts'

const COUNT = 10
let model: TrainableModel
beforeAll(async () => {
  await useBackend('wasm')
  model = await buildModel(tinyModelConfig)
  model.encoder.initialize(5)
})
afterAll(() => model.encoder.dispose())

/** Feature of a sample by `lowRes`, `looks` and `pool`, and of its caption by `encodeText`, as unit vectors. */
async function publicFeatures() {
  const images: Float32Array[] = []
  const texts: Float32Array[] = []
  const captions: string[] = []
  for await (const { image, caption, region, isGlobalText } of tinyEvaluationSamples(COUNT)) {
    const { pooled, prompt } = await model.encoder.encodeText([caption])
    const view = await model.encoder.lowRes(image)
    for await (const look of view.looks({ prompt, groundTruth: region })) {
      const feature = view.pool(look, { regions: [region], isGlobalText: [isGlobalText] })
      images.push(unit(await feature.data()))
      feature.dispose()
      look.tokens.dispose()
      for (const state of look.hiddenStates.values()) if (!state.isDisposed) state.dispose()
    }
    texts.push(unit(await pooled.data()))
    captions.push(caption)
    view.dispose()
    pooled.dispose()
    prompt.dispose()
  }
  return { images, texts, captions }
}

const unit = (values: ArrayLike<number>): Float32Array => {
  const length = Math.hypot(...Array.from(values))
  return Float32Array.from(values, (value) => value / length)
}
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)

describe('evaluate', () => {
  it('ranks as the public passes do, whatever the batch', async () => {
    const { images, texts, captions } = await publicFeatures()
    const ranks = images.map((image, i) => {
      const right = Math.max(
        ...texts.flatMap((text, j) => (captions[j] === captions[i] ? [dot(image, text)] : [])),
      )
      return 1 + texts.filter((text, j) => captions[j] !== captions[i] && dot(image, text) >= right).length
    })
    for (const batch of [1, 4]) {
      const { samples, retrieval } = await expectNoLeak(() =>
        evaluate(model, tinyEvaluationSamples(COUNT), { batch }),
      )
      expect(samples).toBe(COUNT)
      expect(retrieval.imageToText.recallAt1).toBe(ranks.filter((rank) => rank === 1).length / COUNT)
      expect(retrieval.imageToText.meanRank).toBeCloseTo(
        ranks.reduce((sum, rank) => sum + rank, 0) / COUNT,
        12,
      )
    }
  })

  it('classifies, measures recall at budgets, and names every number', async () => {
    const evaluation = await expectNoLeak(() =>
      evaluate(model, tinyEvaluationSamples(COUNT), {
        budgets: [0.1, 1],
        classes: ['red', 'green', 'blue', 'white'],
        templates: ['the {} square', 'a {} square'],
      }),
    )
    expect(evaluation.zeroShot).toMatchObject({ classes: 4, samples: COUNT, top5: 1 })
    expect(evaluation.selection).toMatchObject({
      topDown: [expect.any(Number), 1],
      random: [expect.any(Number), 1],
    })
    expect(Object.keys(evaluationScalars(evaluation))).toEqual(
      expect.arrayContaining(['retrieval/textToImage/R@1', 'selection/bottomUp@10%', 'zeroShot/top1']),
    )
  })

  it('stops when it is told to, and refuses to evaluate on nothing', async () => {
    await expectNoLeak(async () => {
      const signal = AbortSignal.abort(new Error('enough'))
      await expect(evaluate(model, tinyEvaluationSamples(COUNT), { signal })).rejects.toThrow('enough')
      await expect(evaluate(model, tinyEvaluationSamples(0))).rejects.toThrow(InvalidArgumentError)
    })
  })
})
