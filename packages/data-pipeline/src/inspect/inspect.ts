// Looks through a dataset: statistics of all of it, and some of its pictures to look at.

import { PS3Error, Random, ResourceError } from '@ps3js/tensor'
import sharp from 'sharp'
import type { ShardItem, ShardSource } from '../read/source.ts'
import { checkPicture } from '../sample/make-sample.ts'
import type { RawSample, SampleRecord, SkippedSample } from '../types.ts'
import { type Distribution, distribution } from './statistics.ts'

export interface InspectOptions {
  /** Pictures to show, drawn evenly from all. Default 48. */
  pictures?: number
  /** Stops after this many samples. */
  limit?: number
  seed?: number
  onProgress?: (done: { samples: number; shard: number; shards: number }) => void
  signal?: AbortSignal
}

export interface ShownSample {
  key: string
  shard: string
  width: number
  height: number
  record: SampleRecord
  /** A small JPEG. */
  thumbnail: Uint8Array
}

export interface Inspection {
  shards: number
  /** Usable samples that were seen. */
  samples: number
  withGlobalText: number
  types: Record<string, number>
  distributions: Record<DistributionName, Distribution | null>
  shown: ShownSample[]
  skippedCount: number
  /** How many were skipped for reasons alike: numbers and quotations are left out of these. */
  skippedBy: Record<string, number>
  /** The first of them. */
  skipped: SkippedSample[]
}

const NAMES = [
  'picture width',
  'picture height',
  'boxes of a picture',
  'share of the picture in a box',
  'shorter side of a box in pixels',
  'words of a caption',
  'words of a global caption',
  'questions about a picture',
] as const
export type DistributionName = (typeof NAMES)[number]

const SHOWN_WIDTH = 480
const MOST_LISTED = 200

/** @throws ResourceError when a shard cannot be read or pairs mismatch */
export async function inspectDataset(source: ShardSource, options: InspectOptions = {}): Promise<Inspection> {
  const { pictures = 48, limit = Number.POSITIVE_INFINITY, seed = 0, signal, onProgress } = options
  const random = new Random(seed)
  const values = Object.fromEntries(NAMES.map((name) => [name, []])) as unknown as Record<
    DistributionName,
    number[]
  >
  const shown: { order: number; sample: ShownSample }[] = []
  const result: Omit<Inspection, 'distributions' | 'shown'> = {
    shards: source.names.length,
    samples: 0,
    withGlobalText: 0,
    types: {},
    skippedCount: 0,
    skippedBy: {},
    skipped: [],
  }
  for await (const { item, shard } of itemsOf(source, signal)) {
    if (result.samples + result.skippedCount >= limit) break
    try {
      if (!item.sample) throw new ResourceError(item.problem)
      const size = await checkPicture(item.sample)
      count(item.sample, size, values, result)
      const slot = reservoirSlot(result.samples, pictures, random)
      if (slot !== null) {
        const thumbnail = await thumbnailOf(item.sample.picture)
        const { key, record } = item.sample
        shown[slot] = {
          order: result.samples,
          sample: { key, shard: item.shard, ...size, record, thumbnail },
        }
      }
      result.samples++
    } catch (error) {
      if (!(error instanceof PS3Error)) throw error
      addSkipped(result, { key: item.key, shard: item.shard, reason: error.message })
    }
    onProgress?.({ samples: result.samples, shard, shards: result.shards })
  }
  const distributions = Object.fromEntries(NAMES.map((name) => [name, distribution(values[name])]))
  return {
    ...result,
    distributions: distributions as Inspection['distributions'],
    shown: shown.sort((a, b) => a.order - b.order).map(({ sample }) => sample),
  }
}

async function* itemsOf(
  source: ShardSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ item: ShardItem; shard: number }> {
  for (let shard = 0; shard < source.names.length; shard++) {
    for await (const item of source.read(shard, { ...(signal && { signal }) })) {
      signal?.throwIfAborted()
      yield { item, shard }
    }
  }
}

function count(
  { record }: RawSample,
  { width, height }: { width: number; height: number },
  values: Record<DistributionName, number[]>,
  result: Pick<Inspection, 'types' | 'withGlobalText'>,
): void {
  const { text = [], box = [], global_text: globalText, type, questions } = record
  values['picture width'].push(width)
  values['picture height'].push(height)
  values['boxes of a picture'].push(box.length)
  for (const [x1, y1, x2, y2] of box as [number, number, number, number][]) {
    values['share of the picture in a box'].push(((x2 - x1) * (y2 - y1)) / (width * height))
    values['shorter side of a box in pixels'].push(Math.min(x2 - x1, y2 - y1))
  }
  for (const caption of text) values['words of a caption'].push(words(caption))
  for (const caption of [globalText ?? []].flat()) values['words of a global caption'].push(words(caption))
  if (questions) values['questions about a picture'].push(questions.length)
  if (globalText !== undefined) result.withGlobalText++
  const name = type ?? 'no type'
  result.types[name] = (result.types[name] ?? 0) + 1
}

const words = (text: string): number => text.trim().split(/\s+/).length

/** Reservoir sampling (Vitter's algorithm R): the slot that sample `index` takes among `size`, if any. */
function reservoirSlot(index: number, size: number, random: Random): number | null {
  if (index < size) return index
  const slot = random.integer(index + 1)
  return slot < size ? slot : null
}

async function thumbnailOf(picture: Uint8Array): Promise<Uint8Array> {
  try {
    return await sharp(picture, { ignoreIcc: true })
      .autoOrient()
      .resize({ width: SHOWN_WIDTH, withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .jpeg({ quality: 78 })
      .toBuffer()
  } catch (cause) {
    throw new ResourceError(`its picture cannot be decoded (${(cause as Error).message.split('\n')[0]})`, {
      cause,
    })
  }
}

function addSkipped(
  result: Pick<Inspection, 'skipped' | 'skippedBy' | 'skippedCount'>,
  skipped: SkippedSample,
): void {
  result.skippedCount++
  const alike = skipped.reason.replace(/"[^"]*"|\[[^\]]*\]|\S+: |\d+(\.\d+)?/g, '…')
  result.skippedBy[alike] = (result.skippedBy[alike] ?? 0) + 1
  if (result.skipped.length < MOST_LISTED) result.skipped.push(skipped)
}
