// `ps3 bench train`: one optimiser step of random models, with captions' features given, as another implementation's
// benchmark measures it.

import { PS3Encoder, parseConfig, type RgbImage } from '@ps3js/ps3-encoder'
import { backendInfo, type LinearPrecision, Random, type Tensor, TensorScope, tensor2d } from '@ps3js/tensor'
import {
  adamW,
  applyValues,
  clampLogitScale,
  disposeAdamW,
  type PretrainBatch,
  parameterGroups,
  pretrainStep,
} from '@ps3js/trainer'
import type { CliContext } from '../context.ts'
import { median, peakMegabytes } from './measure.ts'

const COMMON = { model_name: 'bench', pool: 'map', ps3: true }

/** Vision models by the benchmark's names: `config.json` and `trunk.json`. */
const PRESETS = {
  /** Small everywhere but in the 1512 px view of the selection head. */
  toy: {
    config: {
      ...COMMON,
      hidden_size: 64,
      ps3_scales: [48, 96, 192, 480],
      select_based_on_layer: [0, 1, 2],
      max_select_num: 288,
      highres_selection_module_hidden_dim: 16,
      highres_selection_module_out_dim: 16,
    },
    trunk: {
      patch_size: 4,
      grid: 12,
      width: 64,
      depth: 3,
      heads: 4,
      mlp_hidden: 256,
      attn_pool: { width: 64, heads: 4, mlp_ratio: 4 },
    },
    batch: 4,
  },
  /** Two blocks as wide as SO400M's. */
  wide2: {
    config: {
      ...COMMON,
      hidden_size: 1152,
      ps3_scales: [378, 756, 1512],
      select_based_on_layer: [0, 1],
      max_select_num: 512,
      highres_selection_module_hidden_dim: 512,
      highres_selection_module_out_dim: 512,
    },
    trunk: {
      patch_size: 14,
      grid: 27,
      width: 1152,
      depth: 2,
      heads: 16,
      mlp_hidden: 4304,
      attn_pool: { width: 1152, heads: 16, mlp_ratio: 3.7362 },
    },
    batch: 2,
  },
}

export type TrainPresetName = keyof typeof PRESETS
export const trainPresetNames = Object.keys(PRESETS) as TrainPresetName[]

export interface BenchTrainOptions {
  preset: TrainPresetName
  batch?: number
  /** What linear layers multiply in (default float32). */
  precision?: LinearPrecision
  /** Steps that count, and steps before them. */
  steps: number
  warmup: number
}

export interface BenchTrainResult {
  preset: TrainPresetName
  backend: string
  batch: number
  parameters: number
  /** Seconds. */
  median: { total: number }
  runs: number[]
  loss: number
  peakMegabytes: number
}

export async function benchTrain(options: BenchTrainOptions, context: CliContext): Promise<BenchTrainResult> {
  const { preset, steps, warmup, precision } = options
  const { config, trunk, batch: usual } = PRESETS[preset]
  const count = options.batch ?? usual
  const side = config.ps3_scales.at(-1)!
  using scope = new TensorScope()
  const encoder = scope.track(
    new PS3Encoder({
      config: parseConfig(config, trunk),
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      contrastive: true,
    }),
  )
  encoder.initialize(0)
  const random = new Random(1)
  const pooled = scope.track(normal(random, count, trunk.width))
  const prompt = scope.track(normal(random, count, trunk.width))
  const batch = randomBatch(random, count, side)
  const groups = parameterGroups(encoder, { weightDecay: 3e-4 })
  const optimizer = adamW({ betas: [0.9, 0.95], epsilon: 1e-8 })
  let state = optimizer.init()
  const runs: number[] = []
  let loss = Number.NaN
  try {
    for (let i = -warmup; i < steps; i++) {
      const start = performance.now()
      const { losses, gradients } = await pretrainStep(encoder, batch, {
        encodeText: () => ({ pooled: pooled.clone(), prompt: prompt.clone() }),
        precision,
        signal: context.signal,
      })
      const next = optimizer.update(groups, gradients, state, 1e-4)
      state = next.state
      applyValues(groups, next.values)
      clampLogitScale(encoder)
      // A GPU works on after its calls have returned: the time counts until a new value is here.
      await encoder.logit_scale!.value.data()
      const seconds = (performance.now() - start) / 1000
      context.progress.step(`step ${i + 1}: ${seconds.toFixed(3)} s`)
      loss = losses.total
      if (i >= 0) runs.push(seconds)
    }
    return {
      preset,
      backend: backendInfo()?.describe ?? '',
      batch: count,
      parameters: encoder.vision_model.parameterCount,
      median: { total: median(runs) },
      runs,
      loss,
      peakMegabytes: peakMegabytes(),
    }
  } finally {
    disposeAdamW(state)
  }
}

const normal = (random: Random, rows: number, columns: number): Tensor =>
  tensor2d(random.fillNormal(new Float32Array(rows * columns)), [rows, columns])

/** Noise, with a box of a quarter of each side in every picture. */
function randomBatch(random: Random, count: number, side: number): PretrainBatch {
  const images: RgbImage[] = []
  const regions: { height: number; width: number; data: Float32Array }[] = []
  for (let i = 0; i < count; i++) {
    const data = new Uint8Array(side * side * 3)
    for (let k = 0; k < data.length; k++) data[k] = random.uint32() & 255
    images.push({ width: side, height: side, data })
    const region = new Float32Array(side * side)
    const [start, end] = [Math.floor(side / 4), Math.floor(side / 2)]
    for (let row = start; row < end; row++)
      region.fill(1, row * side + start + 4 * i, row * side + end + 4 * i)
    regions.push({ height: side, width: side, data: region })
  }
  return {
    images,
    regions,
    tokenIds: images.map(() => new Int32Array(0)),
    isGlobalText: images.map(() => false),
  }
}
