// Samples from shards: to train on, shuffled and cropped for ever; to evaluate on, every caption with its box, in order.

import {
  filterCaption,
  openPairedShards,
  openShards,
  type PipelineState,
  type RawSample,
  rawSamples,
  regionMap,
  type ShardSource,
  type SkippedSample,
  trainingSamples,
} from '@ps3js/data-pipeline'
import type { Box } from '@ps3js/patch-selector'
import { decodeImage, type ImageProcessor, type RgbImage } from '@ps3js/ps3-encoder'
import { ImageError, ResourceError } from '@ps3js/tensor'
import type { EvaluationSample } from '../../evaluate/evaluate.ts'
import type { TrainConfig } from '../../run/config.ts'
import type { SampleSource } from '../../run/samples.ts'

/** One WebDataset, or two parallel ones: pictures and captions. */
export interface ShardLocations {
  shards: string
  captions?: string
}

export interface ShardEvaluationOptions extends ShardLocations {
  /** Brings pictures to the model's size, which is square. */
  processor: ImageProcessor
  /** Samples taken from the start. */
  limit: number
  /** A sample, picture or box that cannot be used. */
  onSkip?: (skipped: Omit<SkippedSample, 'shard'>) => void
  signal?: AbortSignal
}

/** Reads the first samples of shards: every caption with its box. Throws ResourceError. */
export async function* shardEvaluationSamples({
  processor,
  limit,
  onSkip,
  signal,
  ...locations
}: ShardEvaluationOptions): AsyncGenerator<EvaluationSample> {
  let count = 0
  for await (const raw of rawSamples(openLocations(locations), { onSkip, signal })) {
    try {
      const decoded = await decodeImage(raw.picture, { signal })
      const image = processor.process(decoded, { signal })
      for (const sample of samplesOf(raw, decoded, image, onSkip)) {
        yield sample
        if (++count >= limit) return
      }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      onSkip?.({ key: raw.key, reason: error.message })
    }
  }
}

type ShardSampleOptions = NonNullable<TrainConfig['data']> & {
  processor: ImageProcessor
  seed: number
  onSkip?: (skipped: SkippedSample) => void
}

/** Training samples of the model's size, epoch after epoch. */
export function shardSamples({
  processor,
  seed,
  globalCaptionProbability,
  boxesPerSample,
  captionsPerPicture,
  shuffle,
  workers,
  maxSkipped,
  onSkip,
  ...locations
}: ShardSampleOptions): SampleSource {
  const options = {
    size: processor.imageSize.height,
    seed,
    globalCaptionProb: globalCaptionProbability,
    boxesPerSample,
    captionsPerPicture,
    shuffle,
    workers,
    maxSkipped,
    onSkip,
  }
  return {
    async *open(from, signal) {
      const source = openLocations(locations)
      let state = (from ?? undefined) as PipelineState | undefined
      let empty = 0
      // One epoch at a time, as a dataset without samples would be gone through for ever.
      for (let epoch = state?.epoch ?? 0; empty < 2; epoch++) {
        const stream = trainingSamples(source, { ...options, epochs: epoch + 1, resume: state, signal })
        empty++
        for await (const sample of stream) {
          empty = 0
          yield { sample, state: stream.state() }
        }
        state = stream.state()
      }
      throw new ResourceError(`${source.names[0]} and the other shards hold no sample; check data.shards`)
    },
  }
}

function openLocations({ shards, captions }: ShardLocations): ShardSource {
  return captions === undefined
    ? openShards(shards)
    : openPairedShards({ pictures: shards, records: captions })
}

function* samplesOf(
  { key, record }: RawSample,
  from: RgbImage,
  image: RgbImage,
  onSkip: ShardEvaluationOptions['onSkip'],
): Generator<EvaluationSample> {
  const { text = [], box = [], global_text } = record
  const size = image.width
  for (const [i, caption] of text.entries()) {
    const inside = clip(box[i]!, from)
    if (!inside) {
      const where = `lies outside its picture of ${from.width}x${from.height}`
      onSkip?.({ key, reason: `box ${i} [${box[i]!.join(', ')}] ${where}` })
      continue
    }
    const [x1, y1, x2, y2] = inside
    const x = size / from.width
    const y = size / from.height
    const boxes: Box[] = [[x1 * x, y1 * y, x2 * x, y2 * y]]
    const region = regionMap(boxes, size)
    yield { key, image, caption: filterCaption(caption), boxes, region, isGlobalText: false }
  }
  const [caption] = [global_text ?? []].flat()
  if (text.length > 0 || caption === undefined) return
  const region = regionMap([[0, 0, size, size]], size)
  yield { key, image, caption: filterCaption(caption), boxes: [], region, isGlobalText: true }
}

/** The part of a box inside the picture; undefined when there is none. */
function clip([x1, y1, x2, y2]: readonly number[], { width, height }: RgbImage): Box | undefined {
  const clipped = [Math.max(x1!, 0), Math.max(y1!, 0), Math.min(x2!, width), Math.min(y2!, height)] as const
  return clipped[0] < clipped[2] && clipped[1] < clipped[3] ? clipped : undefined
}
