// A model of 40,000 parameters and pictures of one coloured square each, made in memory: runs that take seconds.

import { Random } from '@ps3js/tensor'
import type { EvaluationSample } from '../evaluate/evaluate.ts'
import { parseTrainConfig, type TrainConfig, type TrainConfigInput } from './config.ts'
import type { SampleSource } from './samples.ts'

const SIZE = 112
const COLORS = { red: [230, 30, 30], green: [30, 200, 30], blue: [30, 30, 230], white: [240, 240, 240] }

/** Scales 56 and 112 with patches of 14: grids of 4 x 4 and 8 x 8, 16 patches a look. */
export const tinyModelConfig = {
  config: {
    model_type: 'ps3',
    vision_config: {
      model_name: 'tiny',
      hidden_size: 16,
      pool: 'map',
      ps3_scales: [56, 112],
      select_based_on_layer: [0, 1],
      max_select_num: 16,
      highres_selection_feature: false,
    },
    text_config: {
      output_dim: 16,
      prompt_proj_dim: 16,
      context_length: 8,
      vocab_size: 91,
      width: 16,
      heads: 2,
      layers: 1,
      no_causal_mask: true,
      proj_bias: true,
      pool_type: 'last',
    },
  },
  trunk: {
    patch_size: 14,
    grid: 4,
    width: 16,
    depth: 2,
    heads: 2,
    mlp_hidden: 32,
    attn_pool: { width: 16, heads: 2, mlp_ratio: 2 },
  },
  preprocessor: { image_size: SIZE, mean: 0.5, std: 0.5 },
  tokenizerConfig: { tokenizer_name: 'unused', context_length: 8, clean: 'canonicalize' },
  tokenizer: new URL('../../fixtures/tokenizer', import.meta.url).href,
}

/** Four samples a step, eight steps, a checkpoint every three, an evaluation every four. */
export function tinyConfig(overrides: Partial<TrainConfigInput> = {}): TrainConfig {
  return parseTrainConfig({
    model: tinyModelConfig,
    batch: 4,
    steps: 8,
    seed: 3,
    optimizer: { learningRate: 2e-3 },
    schedule: { warmupSteps: 2 },
    log: { every: 2, imagesEvery: 4 },
    evaluation: { every: 4, budgets: [0.1, 0.5] },
    checkpoint: { every: 3, keep: 2, best: 'selection/topDown@10%' },
    ...overrides,
  })
}

/** Endless; the state is the generator's. */
export function tinySamples(seed = 1, onSample?: () => Promise<void>): SampleSource {
  return {
    async *open(state) {
      const random = new Random((state as Random['state'] | null) ?? seed)
      for (;;) {
        const { boxes: _, ...sample } = drawSample(random)
        await onSample?.()
        yield { sample, state: random.state }
      }
    },
  }
}

export async function* tinyEvaluationSamples(count = 6): AsyncGenerator<EvaluationSample> {
  const random = new Random(77)
  for (let i = 0; i < count; i++) yield drawSample(random)
}

/** One square, and now and then a caption of the whole. */
export function drawSample(random: Random): EvaluationSample {
  const names = Object.keys(COLORS) as (keyof typeof COLORS)[]
  const name = names[random.integer(names.length)]!
  const side = 20 + random.integer(20)
  const x = random.integer(SIZE - side)
  const y = random.integer(SIZE - side)
  const data = new Uint8Array(SIZE * SIZE * 3)
  for (let i = 0; i < data.length; i++) data[i] = random.uint32() & 63
  const region = new Float32Array(SIZE * SIZE)
  const isGlobalText = random.uniform() < 0.2
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      const inside = row >= y && row < y + side && column >= x && column < x + side
      if (inside) data.set(COLORS[name], (row * SIZE + column) * 3)
      if (inside || isGlobalText) region[row * SIZE + column] = 1
    }
  }
  return {
    image: { width: SIZE, height: SIZE, data },
    caption: `the ${name} square`,
    boxes: isGlobalText ? [] : [[x, y, x + side, y + side]],
    region: { width: SIZE, height: SIZE, data: region },
    isGlobalText,
  }
}
