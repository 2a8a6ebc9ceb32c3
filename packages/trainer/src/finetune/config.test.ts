// The configuration of fine-tuning: defaults, what is refused, and the documentation's own examples.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseFineTuneConfig, printFineTuneConfig, readFineTuneConfig } from './config.ts'

const least = { model: { from: 'vila' }, steps: 10 }
const parts = { visionTower: 'tower', languageModel: 'qwen' }

describe('a configuration of fine-tuning', () => {
  it('has defaults, is printed and read back as the same', () => {
    const config = parseFineTuneConfig(least)
    expect(config).toMatchObject({
      selection: { mode: 'predicted', lowRes: true },
      prompt: { gradient: false },
      loss: { answer: 1, selection: 1 },
      checkpoint: { best: 'accuracy/all' },
    })
    expect(readFineTuneConfig(printFineTuneConfig(config), 'printed')).toEqual(config)
  })

  it('is what the documentation shows', () => {
    const text = readFileSync(new URL('../../../../docs/training.md', import.meta.url), 'utf8')
    const stages = [...text.matchAll(/```yaml\n(# \d: .*?)```/gs)].map(([, yaml]) =>
      readFineTuneConfig(yaml!, 'docs'),
    )
    expect(stages.map(({ selection }) => selection.mode)).toEqual(['crop', 'forced', 'predicted'])
  })

  it.each([
    [{ model: { from: 'a', parts } }, /model: give one of from and parts/],
    [{ model: { parts: { visionTower: 'tower' } } }, /one of languageModel and languageModelConfig/],
    [
      { model: { parts: { visionTower: 'tower', languageModelConfig: {} } } },
      /parts\.tokenizer belongs to languageModelConfig/,
    ],
    [{ selection: { modes: 'crop' } }, /selection\.modes: .* did you mean mode\?/],
    [{ selection: { budget: [9, 3] } }, /selection\.budget: the second number is the larger one/],
    [{ optimizer: { lmm: 1 } }, /optimizer\.lmm: there is no such setting/],
    [{ lora: { rank: 8 } }, /lora\.alpha: invalid input: expected number/],
    [{ lora: { rank: 8, alpha: 16, modules: [] } }, /lora\.modules: there is no such setting; .* targets\)/],
    [{ lora: { rank: 8, alpha: 16, targets: ['qkv'] } }, /lora\.targets\.0: .*"q_proj"\|"k_proj"/],
    [{ batch: 6, accumulation: 4 }, /batch must be divisible by accumulation/],
  ])('%j is refused', (change, message) => {
    expect(() => parseFineTuneConfig({ ...least, ...change })).toThrow(message)
  })
})
