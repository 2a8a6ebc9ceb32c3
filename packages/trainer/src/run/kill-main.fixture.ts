// A run in a process of its own, to be killed: begins or takes up the run in the folder given as its argument.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { useBackend } from '@ps3js/tensor'
import { resumeTraining, startTraining } from './run-training.ts'
import { tinyConfig, tinyEvaluationSamples, tinySamples } from './tiny.fixture.ts'

const [directory] = process.argv.slice(2)
const steps = Number(process.env.STEPS ?? 12)
const controller = new AbortController()
process.once('SIGINT', () => controller.abort())
await useBackend('wasm')
const options = {
  samples: () => tinySamples(),
  evaluationSamples: () => () => tinyEvaluationSamples(),
  signal: controller.signal,
  onStep: ({ step }: { step: number }) => void process.stdout.write(`${step}\n`),
}
// The bundle lies where this file lies.
const tokenizer = fileURLToPath(new URL('../../fixtures/tokenizer', import.meta.url))
const base = tinyConfig({ steps, checkpoint: { every: 2, keep: 2, best: 'selection/topDown@10%' } })
const config = { ...base, model: { ...base.model, tokenizer } }
try {
  if (existsSync(join(directory!, 'config.yaml'))) await resumeTraining(directory!, options)
  else await startTraining(config, directory!, options)
} catch (error) {
  if (!controller.signal.aborted) throw error
  process.exitCode = 130
}
