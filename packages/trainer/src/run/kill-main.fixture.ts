// A run in a process of its own, to be killed: begins or takes up the run in a folder, on shards beside it.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { useBackend } from '@ps3js/tensor'
import { resumeTraining, startTraining } from './run-training.ts'
import { tinyConfig, tinyModelConfig } from './tiny.fixture.ts'

const [directory, shards] = process.argv.slice(2) as [string, string]
const controller = new AbortController()
process.once('SIGINT', () => controller.abort())
await useBackend('wasm')
const config = tinyConfig({
  // The bundle lies where this file lies.
  model: {
    ...tinyModelConfig,
    tokenizer: fileURLToPath(new URL('../../fixtures/tokenizer', import.meta.url)),
  },
  // Two captions of most pictures, one of others: steps end between them too.
  data: { shards, shuffle: 4, captionsPerPicture: 2 },
  steps: 12,
  evaluation: { shards, every: 4, samples: 5, budgets: [0.1] },
  checkpoint: { every: 2, keep: 2, best: 'selection/topDown@10%' },
})
const { signal } = controller
const options = { signal, onStep: ({ step }: { step: number }) => void process.stdout.write(`${step}\n`) }
try {
  if (existsSync(join(directory, 'config.yaml'))) await resumeTraining(directory, options)
  else await startTraining(config, directory, options)
} catch (error) {
  if (!signal.aborted) throw error
  process.exitCode = 130
}
