// The example in the README runs and prints what it says.
import { PS3Encoder, parseConfig } from '@ps3js/ps3-encoder'
import { useBackend } from '@ps3js/tensor'
import { expect, it } from 'vitest'
import { runReadmeExample } from '../../../tools/readme-example.ts'
import * as trainer from './index.ts'
import { tinyModelConfig } from './run/tiny.fixture.ts'

it('runs', async () => {
  await useBackend('cpu')
  const readme = new URL('../README.md', import.meta.url)
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const config = parseConfig(tinyModelConfig.config, tinyModelConfig.trunk)
  const encoder = new PS3Encoder({ config, normalization, contrastive: true })
  encoder.initialize(0)
  const side = 56
  const batch: trainer.PretrainBatch = {
    images: [40, 200].map((gray) => ({
      width: side,
      height: side,
      data: new Uint8Array(side * side * 3).fill(gray),
    })),
    tokenIds: [Int32Array.of(1, 2, 3), Int32Array.of(4, 5, 6)],
    regions: [0, 1].map(() => ({ width: 2, height: 2, data: Float32Array.of(1, 0, 0, 0) })),
    isGlobalText: [false, true],
  }
  const { printed, promised } = await runReadmeExample(
    readme,
    { '@ps3js/trainer': trainer },
    { encoder, batch },
  )
  expect(printed).toEqual(promised.flatMap((line) => line.split(' | ')))
  encoder.dispose()
})
