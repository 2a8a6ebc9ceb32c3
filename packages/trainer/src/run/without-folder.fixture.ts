// Training with a sink of one's own, as in a page.

import { PS3Encoder, parseConfig } from '@ps3js/ps3-encoder'
import { PretrainTask } from '../pretrain/index.ts'
import { tinyConfig, tinyEvaluationSamples, tinyModelConfig, tinySamples } from './tiny.fixture.ts'
import { type RunRecord, train } from './train.ts'
import { Trainer } from './trainer.ts'

/** Six steps; the records, without pictures. */
export async function trainWithoutFolder(): Promise<RunRecord[]> {
  const config = tinyConfig({ steps: 6, log: { every: 1, imagesEvery: 6 } })
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const parsed = parseConfig(tinyModelConfig.config, tinyModelConfig.trunk)
  const encoder = new PS3Encoder({ config: parsed, normalization, contrastive: true })
  encoder.initialize(config.seed)
  const byLetter = (text: string) => Int32Array.from({ length: 8 }, (_, i) => text.charCodeAt(i + 4) % 90)
  const tokenizer = { encode: (texts: readonly string[]) => texts.map(byLetter) }
  const task = new PretrainTask({ encoder, tokenizer }, config, tinyEvaluationSamples)
  const trainer = new Trainer(task, config)
  const records: RunRecord[] = []
  const sink = {
    record: async (record: RunRecord) => void records.push({ ...record, images: {} }),
    checkpoint: async () => {},
  }
  try {
    await train({ trainer, config, samples: tinySamples(), sink })
    return records
  } finally {
    trainer.dispose()
    encoder.dispose()
  }
}
