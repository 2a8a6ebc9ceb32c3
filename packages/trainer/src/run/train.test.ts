// The loop by itself, with a sink of one's own: in Node, and the same in a real Chromium.
import { InvalidArgumentError, useBackend } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { describeInChromium, runSourceInChromium } from '../../../../tools/chromium/index.ts'
import { expectNoLeak } from '../../../../tools/test-support.ts'
import { PretrainTask } from '../pretrain/index.ts'
import { buildModel } from './model.ts'
import { tinyConfig, tinyModelConfig, tinySamples } from './tiny.fixture.ts'
import { type RunRecord, train } from './train.ts'
import { Trainer } from './trainer.ts'
import { trainWithoutFolder } from './without-folder.fixture.ts'

beforeAll(async () => {
  await useBackend('wasm')
})

describe('train', () => {
  it('without a folder: records and an evaluation, and no tensor left', async () => {
    const records = await expectNoLeak(trainWithoutFolder)
    expect(records.map(({ step }) => step)).toEqual([1, 2, 3, 4, 4, 5, 6, 6])
    expect(records[0]!.scalars).toMatchObject({ 'optimizer/learningRate': 0.001 })
    expect(records.at(-1)!.scalars).toHaveProperty('evaluation/retrieval/textToImage/R@1')
  })

  it('a loss that is no number ends the run, before it reaches the weights', async () => {
    const model = await buildModel(tinyModelConfig)
    model.encoder.initialize(1)
    const config = tinyConfig({ optimizer: { learningRate: 1e30 }, schedule: { warmupSteps: 0 } })
    const trainer = new Trainer(new PretrainTask(model, config), config)
    const sink = { record: async () => {}, checkpoint: async () => {} }
    const running = train({ trainer, config, samples: tinySamples(), sink })
    await expect(running).rejects.toThrow(InvalidArgumentError)
    await expect(running).rejects.toThrow(/training diverged: the loss of step 2 is .*learningRate/)
    trainer.dispose()
    model.encoder.dispose()
  })
})

describeInChromium('train in Chromium', () => {
  it('gives the records that Node gives', async () => {
    const page = new URL('./train-page.fixture.ts', import.meta.url)
    const there = await runSourceInChromium<RunRecord[]>(page)
    const here = await trainWithoutFolder()
    expect(there.map(({ step }) => step)).toEqual(here.map(({ step }) => step))
    for (const [i, { scalars }] of here.entries()) {
      for (const [name, value] of Object.entries(scalars)) {
        // The same WebAssembly, but exp and tanh of another engine: a few last bits, grown over six steps.
        if (/^(loss|evaluation)/.test(name)) expect(there[i]!.scalars[name], name).toBeCloseTo(value, 3)
      }
    }
  }, 120_000)
})
