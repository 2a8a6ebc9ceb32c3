// `ps3 bench vila-hd`: what keeping the first pass saves, what the connector costs beside projecting whole maps, and a
// whole model at full size. Weights are random: arithmetic takes as long whatever the numbers are.

import { parseLanguageModelConfig, Qwen2 } from '@ps3js/language-model'
import { PS3Encoder, parseConfig, presets, type RgbImage } from '@ps3js/ps3-encoder'
import {
  backendInfo,
  type Module,
  Random,
  reshape,
  scatterRows,
  type Tensor,
  TensorScope,
  tensor,
  tensorData,
} from '@ps3js/tensor'
import { type AnswerOptions, PictureReader, VilaHd, vilaHdMemory } from '@ps3js/vila-hd'
import { Connector } from '@ps3js/vila-hd-connector'
import type { CliContext } from '../context.ts'
import { benchPicture } from './encode.ts'
import { median, peakMegabytes } from './measure.ts'
import { fillRandom, randomPreset } from './random-preset.ts'

/** Tokens that stand for something in random models. */
const IDS = { imageTokenId: 1, pictureEndIds: [2], promptEndIds: [3] }
const QUESTION = [4, 1, ...Array.from({ length: 24 }, (_, i) => 10 + i), 3, 5]

/** Pixels along a patch's side. */
const PATCH = 14

const LOOKS = {
  selectLayer: -2,
  lookMode: 'after-prompt',
  promptState: 'last',
  looks: 1,
  tokens: null,
  dynamicAspectRatio: false,
} as const

type Run = { seconds: number; ids: number[]; stages: Record<string, number> }

export interface ReuseResult {
  backend: string
  lowResTokens: number
  highResTokens: number
  /** Seconds to the first token, each run. */
  kept: number[]
  anew: number[]
  /** Of runs right after one another, their median: a machine that gets slower meanwhile changes it little. */
  ratio: number
  /** Whether all runs said the same. */
  same: boolean
}

/** What the parts that are compared are made of. */
interface BenchSize {
  /** Patches along a side at low resolution; there are four times as many above. */
  grid: number
  hiddenSize: number
  layers: number
  /** Patches that are looked at closely. */
  looked: number
  /** The connector's: patches along the sides of its maps, and of the squares that were chosen. */
  sides: readonly number[]
  chosen: readonly number[]
  visionWidth: number
  tokenWidth: number
}

/** `usual`: squares in a corner, of about the shares that the budget of one look of PS3-4K gives each scale. */
export const BENCH_SIZES = {
  usual: {
    ...{ grid: 27, hiddenSize: 1024, layers: 6, looked: 128 },
    ...{ sides: [54, 108, 270], chosen: [9, 18, 46], visionWidth: 1152, tokenWidth: 896 },
  },
  /** Shows that everything runs, not how fast. */
  tiny: {
    ...{ grid: 4, hiddenSize: 32, layers: 2, looked: 16 },
    ...{ sides: [8, 16], chosen: [4, 6], visionWidth: 16, tokenWidth: 16 },
  },
} satisfies Record<string, BenchSize>

/**
 * Two passes over a picture of 729 low-res tokens, the second one going on after them or from the beginning. In either
 * case the picture itself is seen once.
 */
export async function benchReuse(
  size: BenchSize,
  repeat: number,
  { progress, signal }: CliContext,
): Promise<ReuseResult> {
  using scope = new TensorScope()
  const model = scope.track(reuseModel(size))
  const picture = noise(2 * PATCH * size.grid)
  const kept: Run[] = []
  const anew: Run[] = []
  let tokens = { lowRes: 0, highRes: 0 }
  for (let i = -1; i < repeat; i++) {
    for (const [name, runs] of [
      ['kept', kept],
      ['anew', anew],
    ] as const) {
      progress.step(`${name}, run ${i + 1} of ${repeat}`)
      using reader = new PictureReader(model)
      const run = await timeAnswer(reader, picture, {
        signal,
        maxTokens: 8,
        look: { tokens: size.looked },
        onLooks: () => {
          if (name === 'anew') reader.forget()
        },
        onTokens: (counts) => {
          tokens = counts
        },
      })
      // The first of each prepares kernels and buffers.
      if (i >= 0) runs.push(run)
    }
  }
  const seconds = (runs: readonly Run[]) => runs.map((run) => run.seconds)
  const said = new Set([...kept, ...anew].map(({ ids }) => ids.join()))
  return {
    backend: backendInfo()?.describe ?? '',
    lowResTokens: tokens.lowRes,
    highResTokens: tokens.highRes,
    kept: seconds(kept),
    anew: seconds(anew),
    ratio: median(kept.map((run, i) => run.seconds / anew[i]!.seconds)),
    same: said.size === 1,
  }
}

/** A tower that takes little time, and a language model of 69 million parameters: the passes are what is compared. */
function reuseModel({ grid, hiddenSize, layers }: BenchSize): VilaHd {
  const trunk = { patch_size: PATCH, grid, width: 64, depth: 2, heads: 2, mlp_hidden: 128 }
  const vision = {
    ...{ model_type: 'ps3_vision_model', model_name: 'small', hidden_size: 64, pool: 'map' },
    ...{
      ps3_scales: [PATCH * grid, 2 * PATCH * grid],
      select_based_on_layer: [0, 1],
      highres_selection_feature: false,
    },
  }
  const pool = { width: 64, heads: 2, mlp_ratio: 2 }
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const vision_tower = new PS3Encoder({
    config: parseConfig(vision, { ...trunk, attn_pool: pool }),
    normalization,
  })
  const llm = new Qwen2(
    parseLanguageModelConfig({
      ...{ vocab_size: 2048, hidden_size: hiddenSize, num_hidden_layers: layers },
      intermediate_size: 2.75 * hiddenSize,
      ...{ num_attention_heads: 8, num_key_value_heads: 2, tie_word_embeddings: true },
    }),
  )
  const mm_projector = new Connector({
    ...{ projectorType: 'linear', visionWidth: 64, hiddenSize, promptHead: 'mlp' },
    ...{ positionGrid: grid, numScales: 2 },
  })
  for (const part of [vision_tower, llm, mm_projector]) part.initialize(1)
  return new VilaHd({ vision_tower, llm, mm_projector }, { ...LOOKS, ...IDS })
}

export interface ConnectorResult {
  patches: number
  positions: number
  tokens: number
  /** Seconds, each run: complete blocks only; whole maps, of which the complete blocks are kept. */
  blocks: number[]
  maps: number[]
  /** Whole maps / blocks, of the medians. */
  ratio: number
  /** Largest difference between the tokens. */
  difference: number
}

/** One look of PS3-4K: 2,560 patches in runs along the rows of 72,900 and fewer positions. */
export async function benchConnector(
  { sides, chosen, visionWidth, tokenWidth: hiddenSize }: BenchSize,
  repeat: number,
  { progress, signal }: CliContext,
): Promise<ConnectorResult> {
  using scope = new TensorScope()
  const connector = scope.track(
    new Connector({
      ...{ projectorType: 'mlp_downsample', visionWidth, hiddenSize, promptHead: null },
      ...{ positionGrid: sides[0]! / 2, numScales: sides.length + 1 },
    }),
  )
  connector.initialize(1)
  const grids = sides.map((side) => ({ height: side, width: side }))
  const indices = chosen.map((count, scale) =>
    Int32Array.from({ length: count ** 2 }, (_, i) => Math.floor(i / count) * sides[scale]! + (i % count)),
  )
  const patches = indices.reduce((sum, { length }) => sum + length, 0)
  const values = new Float32Array(patches * visionWidth)
  new Random(1).fillNormal(values, 1)
  const features = scope.track(tensor(values, [patches, visionWidth]))
  const low = scope.track(tensor(new Float32Array(hiddenSize), [1, 1, hiddenSize]))
  const times: Record<'blocks' | 'maps', number[]> = { blocks: [], maps: [] }
  let difference = 0
  let tokens = 0
  for (let i = -1; i < repeat; i++) {
    signal.throwIfAborted()
    progress.step(`connector, run ${i + 1} of ${repeat}`)
    let started = performance.now()
    const made = connector.highRes(features, { grids, indices }, low)
    const own = await tensorData(made.tokens)
    const blocks = (performance.now() - started) / 1000
    made.tokens.dispose()
    tokens = own.length / hiddenSize

    started = performance.now()
    let [start, at] = [0, 0]
    for (const [scale, grid] of grids.entries()) {
      const { length } = indices[scale]!
      const from = Array.from({ length }, (_, row) => start + row)
      start += length
      const whole = scope.run(() => projectWholeMap(connector, features, from, indices[scale]!, grid))
      const data = await tensorData(whole)
      for (const cell of made.cells[scale]!) {
        for (let c = 0; c < hiddenSize; c++, at++) {
          difference = Math.max(difference, Math.abs(own[at]! - data[cell * hiddenSize + c]!))
        }
      }
      scope.keep(whole).dispose()
    }
    const maps = (performance.now() - started) / 1000
    if (i < 0) continue
    times.blocks.push(blocks)
    times.maps.push(maps)
  }
  const positions = sides.reduce((sum, side) => sum + side * side, 0)
  return {
    patches,
    positions,
    tokens,
    ...times,
    ratio: median(times.maps) / median(times.blocks),
    difference,
  }
}

/** As the reference does it: chosen features in a map of zeros, all of which is projected. */
function projectWholeMap(
  connector: Connector,
  features: Tensor,
  from: readonly number[],
  to: Int32Array,
  grid: { height: number; width: number },
): Tensor {
  const map = scatterRows(features, from, [...to], grid.height * grid.width)
  return connector.lowRes(reshape(map, [1, ...map.shape]), grid)
}

export interface FullResult {
  backend: string
  parameters: number
  /** What was computed beforehand, in bytes. */
  expectedBytes: number
  /** Seconds. */
  build: number
  firstToken: number
  stages: Record<string, number>
  /** Tokens per second after the first one. */
  speed: number
  tokens: { text: number; lowRes: number; highRes: number }
  peakMegabytes: number
}

/** A language model of the 0.5 B shape behind PS3-4K-SigLIP, on the sample picture: nonsense, at full cost. */
export async function benchFull({ progress, signal }: CliContext): Promise<FullResult> {
  const started = performance.now()
  using scope = new TensorScope()
  progress.step('building')
  const { encoder, processor } = randomPreset('PS3-4K-SigLIP', { visionOnly: true })
  scope.track(encoder)
  const llm = scope.track(new Qwen2(parseLanguageModelConfig(QWEN2_500M)))
  const { width } = parseConfig(presets['PS3-4K-SigLIP'].config.vision_config).trunk
  const mm_projector = scope.track(
    new Connector({
      ...{ projectorType: 'mlp_downsample', visionWidth: width, hiddenSize: llm.config.hiddenSize },
      ...{ promptHead: 'mlp' as const, positionGrid: 27, numScales: 4 },
    }),
  )
  const parts: Module[] = [llm, mm_projector]
  for (const part of parts) fillRandom(part)
  const model = new VilaHd({ vision_tower: encoder, llm, mm_projector }, { ...LOOKS, ...IDS })
  const build = (performance.now() - started) / 1000

  const picture = processor.process(await benchPicture(undefined), { signal })
  using reader = new PictureReader(model)
  let tokens: FullResult['tokens'] = { text: 0, lowRes: 0, highRes: 0 }
  const run = await timeAnswer(reader, picture, {
    signal,
    maxTokens: 32,
    onStage: ({ stage }) => progress.step(`${stage} done`),
    onTokens: ({ text, lowRes, highRes }) => {
      tokens = { text, lowRes, highRes }
      progress.step('reading what was seen')
    },
  })
  return {
    backend: backendInfo()?.describe ?? '',
    parameters: model.parameterCount,
    expectedBytes: vilaHdMemory(llm.config, encoder.config).total,
    build,
    firstToken: run.seconds,
    stages: run.stages,
    speed: (run.ids.length - 1) / (run.total - run.seconds),
    tokens,
    peakMegabytes: peakMegabytes(),
  }
}

/** Qwen2-0.5B. */
const QWEN2_500M = {
  ...{ vocab_size: 151_936, hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24 },
  ...{ num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: true, rope_theta: 1e6 },
}

/** Answers once; seconds until the first token, and in all. */
async function timeAnswer(
  reader: PictureReader,
  image: RgbImage,
  options: AnswerOptions,
): Promise<Run & { total: number }> {
  const stages: Record<string, number> = {}
  const ids: number[] = []
  let seconds = 0
  const started = performance.now()
  const since = () => (performance.now() - started) / 1000
  const watched: AnswerOptions = {
    ...options,
    onStage: (stage) => {
      stages[stage.stage] = (stages[stage.stage] ?? 0) + stage.milliseconds / 1000
      options.onStage?.(stage)
    },
  }
  for await (const { id } of reader.answer({ ids: QUESTION, pictures: [{ image }] }, watched)) {
    if (ids.length === 0) seconds = since()
    ids.push(id)
  }
  return { seconds, ids, stages, total: since() }
}

function noise(side: number): RgbImage {
  const data = new Uint8Array(3 * side * side)
  const random = new Random(1)
  for (let i = 0; i < data.length; i++) data[i] = random.uint32() & 255
  return { width: side, height: side, data }
}
