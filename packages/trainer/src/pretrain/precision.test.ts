// A step with linear layers in bfloat16 against the same step in float32, on native TensorFlow.
import { PS3Encoder, parseConfig } from '@ps3js/ps3-encoder'
import { dispose, Random, type Tensor, tensorData, useBackend } from '@ps3js/tensor'
import { beforeAll, expect, it } from 'vitest'
import { expectNoLeak, requireOrSkip } from '../../../../tools/test-support.ts'
import { collate } from '../run/collate.ts'
import { drawSample, tinyModelConfig } from '../run/tiny.fixture.ts'
import { checkpointedBlocks, type PretrainOptions, pretrainStep } from './index.ts'

const native = await useBackend('node').then(
  () => true,
  () => false,
)
const describeNative = requireOrSkip(native, 'native TensorFlow; get it by: npm run ps3 -- native install')

const { config, trunk } = tinyModelConfig

async function step(options: PretrainOptions) {
  const encoder = new PS3Encoder({
    config: parseConfig(config, trunk),
    normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    contrastive: true,
  })
  encoder.initialize(1)
  const tokenizer = {
    encode: (texts: readonly string[]) =>
      texts.map((text) => Int32Array.from({ length: 8 }, (_, i) => text.charCodeAt(i + 4) % 90)),
  }
  const random = new Random(77)
  const samples = Array.from({ length: 4 }, () => drawSample(random))
  const { losses, gradients, selections } = await pretrainStep(encoder, collate(samples, tokenizer), options)
  const values = new Map<string, Float32Array>()
  for (const [path, gradient] of gradients) values.set(path, Float32Array.from(await tensorData(gradient)))
  dispose([...gradients.values()] as Tensor[])
  encoder.dispose()
  return { losses, values, selections }
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)

describeNative('a step in bf16', () => {
  beforeAll(() => useBackend('node'))

  it('has the losses and the direction of float32, to the precision of its numbers', () =>
    expectNoLeak(async () => {
      const plain = await step({})
      const half = await step({ precision: 'bf16', selections: plain.selections })
      // Numbers of 8 bits are off by up to 0.4 %, at random; losses are means over many of them.
      for (const [name, loss] of Object.entries(plain.losses) as [keyof typeof plain.losses, number][]) {
        expect(half.losses[name]).not.toBe(loss)
        expect(Math.abs(half.losses[name] / loss - 1), name).toBeLessThan(0.01)
      }
      expect([...half.values.keys()].sort()).toEqual([...plain.values.keys()].sort())
      for (const [path, values] of plain.values) {
        const other = half.values.get(path)!
        const cosine = dot(values, other) / Math.sqrt(dot(values, values) * dot(other, other))
        // A dozen layers deep, each adding its 0.4 %: within 3 %, so within 0.05 % of the direction's cosine; and more
        // where what is left of a gradient is a difference of much larger ones.
        if (dot(values, values) > 1e-8) expect(cosine, path).toBeGreaterThan(0.99)
      }
    }))

  it('is the same through checkpointed blocks', async () => {
    const plain = await step({ precision: 'bf16' })
    const again = await step({ precision: 'bf16', blocks: checkpointedBlocks })
    expect(again.losses).toEqual(plain.losses)
    for (const [path, values] of plain.values) {
      const worst = values.findIndex((x, i) => !(Math.abs(x - again.values.get(path)![i]!) <= 1e-5))
      // The same products; sums of gradients may come in another order.
      expect(worst, path).toBe(-1)
    }
  })
})
