// Two promises of the design, measured: cost does not grow with resolution, and a second prompt needs no second pass.

import { Random, tensor2d } from '@ps3js/tensor'
import type { CliContext } from '../context.ts'
import { type BenchEncodeOptions, benchModel, benchPicture } from './encode.ts'
import { measureEncoding, median } from './measure.ts'
import { randomPreset } from './random-preset.ts'

export interface ConstantCostResult {
  tokens: number
  /** Seconds of each run: the 4K model on a 4K picture, the 1.5K model on a 1.5K one, in turn. */
  at4k: number[]
  at1500: number[]
  /** Median of the first over median of the second. */
  ratio: number
}

/** The same number of tokens from 4K and from 1.5K. Both models are in memory at once: about 5 GB. */
export async function benchConstantCost(repeat: number, context: CliContext): Promise<ConstantCostResult> {
  const tokens = 2560
  const [big, small] = (['PS3-4K-SigLIP', 'PS3-1.5K-SigLIP'] as const).map((name) => {
    context.progress.step(`building ${name}`)
    return randomPreset(name, { visionOnly: true })
  }) as [ReturnType<typeof randomPreset>, ReturnType<typeof randomPreset>]
  const picture = await benchPicture(undefined)
  const once = async ({ encoder, processor }: typeof big) => {
    const work = { encoder, options: { tokens }, repeat: 1, warmup: 0, signal: context.signal }
    return (await measureEncoding({ ...work, prepare: () => processor.process(picture) })).median.total
  }
  const at4k: number[] = []
  const at1500: number[] = []
  for (let i = 0; i <= repeat; i++) {
    context.progress.step(`run ${i} of ${repeat}`)
    const pair = [await once(big), await once(small)] as const
    // The first pair warms up both.
    if (i === 0) continue
    at4k.push(pair[0])
    at1500.push(pair[1])
  }
  big.encoder.dispose()
  small.encoder.dispose()
  return { tokens, at4k, at1500, ratio: median(at4k) / median(at1500) }
}

export interface PromptsResult {
  model: string
  /** Seconds: the low-res pass with its selection features, then each prompt's own work. */
  lowRes: number
  prompts: number[]
}

/** Several prompts on one view, as embeddings drawn at random: where they point does not change the work. */
export async function benchPrompts(
  { count, ...options }: Pick<BenchEncodeOptions, 'preset' | 'model' | 'image'> & { count: number },
  context: CliContext,
): Promise<PromptsResult> {
  const { encoder, processor, name } = await benchModel(options, context)
  const image = processor.process(await benchPicture(options.image))
  const start = performance.now()
  const view = await encoder.lowRes(image, { signal: context.signal })
  await view.tokens.data()
  const lowRes = (performance.now() - start) / 1000
  const prompts: number[] = []
  try {
    for (let i = 0; i < count; i++) {
      context.progress.step(`prompt ${i + 1} of ${count}`)
      const prompt = randomPrompt(encoder.config.trunk.width, i)
      const before = performance.now()
      const encoding = await view.encode({ prompt, signal: context.signal })
      await encoding.tokens.data()
      prompts.push((performance.now() - before) / 1000)
      encoding.dispose()
      prompt.dispose()
    }
    return { model: name, lowRes, prompts }
  } finally {
    view.dispose()
    encoder.dispose()
  }
}

function randomPrompt(width: number, seed: number) {
  return tensor2d(new Random(seed).fillNormal(new Float32Array(width)), [1, width])
}
