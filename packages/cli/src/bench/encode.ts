// `ps3 bench encode`: one picture through one model.

import { decodeImage, type RgbImage } from '@ps3js/ps3-encoder'
import { backendInfo, InvalidArgumentError, Random } from '@ps3js/tensor'
import { assetPath } from '../assets.ts'
import type { CliContext } from '../context.ts'
import { loadModel } from '../encode/model.ts'
import { type EncodingSummary, measureEncoding } from './measure.ts'
import { type PresetName, randomPreset } from './random-preset.ts'

export interface BenchEncodeOptions {
  preset?: PresetName
  model?: string
  /** A file, or WIDTHxHEIGHT for noise of that size. Default: the sample picture. */
  image?: string
  tokens?: number
  looks?: number | 'all'
  repeat: number
  warmup: number
}

export interface BenchEncodeResult extends EncodingSummary {
  model: string
  backend: string
  image: string
  /** Seconds to build the model, weights uploaded. */
  build: number
}

export async function benchEncode(
  options: BenchEncodeOptions,
  context: CliContext,
): Promise<BenchEncodeResult> {
  const start = performance.now()
  const { encoder, processor, name } = await benchModel(options, context)
  const build = (performance.now() - start) / 1000
  try {
    const picture = await benchPicture(options.image)
    const summary = await measureEncoding({
      encoder,
      prepare: () => processor.process(picture),
      options: { tokens: options.tokens, looks: options.looks },
      repeat: options.repeat,
      warmup: options.warmup,
      signal: context.signal,
      onRun: ({ total }, i) => context.progress.step(`run ${i + 1}: ${total.toFixed(2)} s`),
    })
    const size = `${picture.width}x${picture.height}`
    return { ...summary, model: name, backend: backendInfo()?.describe ?? '', image: size, build }
  } finally {
    encoder.dispose()
  }
}

export async function benchModel(
  { preset, model }: Pick<BenchEncodeOptions, 'preset' | 'model'>,
  context: CliContext,
) {
  if (preset && model) throw new InvalidArgumentError('give --preset or --model, not both')
  if (!preset) return loadModel(model, context)
  context.progress.step(`building ${preset}`)
  return { ...randomPreset(preset, { visionOnly: true }), name: preset }
}

export async function benchPicture(image: string | undefined): Promise<RgbImage> {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(image ?? '') ?? []
  if (!width || !height) return decodeImage(image ?? assetPath('sample.jpg'))
  const data = new Uint8Array(Number(width) * Number(height) * 3)
  const random = new Random(1)
  for (let i = 0; i < data.length; i++) data[i] = random.uint32() & 255
  return { width: Number(width), height: Number(height), data }
}
