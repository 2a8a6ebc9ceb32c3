// Step three of the data engine: captioned regions become paired shards that the reference reads too.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { availableParallelism } from 'node:os'
import { PS3Error } from '@ps3js/tensor'
import type { RawSample } from '../types.ts'
import { onDisk } from '../write/disk.ts'
import type { ShardIndex } from '../write/shard-index.ts'
import { ShardWriter, type ShardWriterOptions } from '../write/shard-writer.ts'
import { clipBox } from './boxes.ts'
import { mapOrdered } from './concurrency.ts'
import { decoding, readPicture, upright } from './picture.ts'
import { openRegions, type PictureRegions, type RegionsLine, regionLines } from './regions-file.ts'

export interface PackOptions
  extends Pick<ShardWriterOptions, 'layout' | 'maxSamples' | 'maxBytes' | 'signal'> {
  /** File of regions with captions: from `captionRegions`, or from `proposeRegions` where all have their own text. */
  captions: string
  /** Directory to write. */
  out: string
  onProgress?: (progress: PackSummary) => void
}

export interface PackSummary {
  /** In the shards. */
  samples: number
  /** Pictures left out: skipped before, changed or unreadable since, or nothing to say about. */
  skipped: number
  /** Boxes left out: no numbers, inverted, or outside of their picture. */
  badBoxes: number
  /** Why a picture was left out last. */
  lastSkip?: string
}

/**
 * Packs pictures as they are; only those that EXIF turns are turned and encoded anew, so that boxes fit for every reader.
 * An interrupted run goes on behind the last complete shard.
 *
 * @throws InvalidArgumentError when the directory was begun from other captions or with other limits
 * @throws ResourceError when the disk is full
 */
export async function packRegions(options: PackOptions): Promise<PackSummary & { index: ShardIndex }> {
  const { captions, out, layout, maxSamples, maxBytes, signal, onProgress } = options
  const { root } = await openRegions(captions)
  const origin = `captions ${await sha256Of(captions)}`
  const summary: PackSummary = { samples: 0, skipped: 0, badBoxes: 0 }
  await using writer = await ShardWriter.open(out, { layout, maxSamples, maxBytes, origin, signal })
  const before = writer.finished
  const keys = new Keys()
  const packed = mapOrdered(regionLines(captions, signal), availableParallelism(), (line) =>
    sampleOf(line, root, writer, keys, summary, signal),
  )
  for await (const sample of packed) {
    if (sample === 'written') summary.samples++
    else if ('skipped' in sample) {
      summary.skipped++
      summary.lastSkip = `${sample.picture}: ${sample.skipped}`
    } else {
      await writer.add(sample)
      summary.samples++
    }
    onProgress?.({ ...summary })
  }
  const index = await writer.finish()
  // A finished directory knows no keys any more, only how many there were.
  if (before)
    Object.assign(summary, {
      samples: index.samples,
      skipped: summary.skipped + summary.samples - index.samples,
    })
  return { ...summary, index }
}

async function sampleOf(
  line: RegionsLine,
  root: string,
  writer: ShardWriter,
  keys: Keys,
  summary: PackSummary,
  signal?: AbortSignal,
): Promise<RawSample | { picture: string; skipped: string } | 'written'> {
  signal?.throwIfAborted()
  if ('skipped' in line) return line
  const skip = (skipped: string) => ({ picture: line.picture, skipped })
  // Before anything is waited for: keys are given in the order of the file.
  const key = keys.of(line.picture)
  if (key === null) return skip('it is listed twice')
  const record = recordOf(line, summary)
  if (record.text.length === 0 && !record.global_text) return skip('it has no caption')
  if (writer.has(key)) return 'written'
  try {
    const picture = await readPicture(root, line.picture)
    if (picture.sha256 !== line.sha256) return skip('it has changed since its regions were proposed')
    const bytes = picture.isUpright
      ? picture.bytes
      : await decoding(line.picture, () => upright(picture).jpeg({ quality: 95 }).toBuffer())
    return { key, picture: bytes, record }
  } catch (error) {
    if (error instanceof PS3Error && ['image', 'resource'].includes(error.code)) return skip(error.message)
    throw error
  }
}

function recordOf(
  { box, text = [], global_text: globalText, type, width, height }: PictureRegions,
  summary: PackSummary,
) {
  const record: { text: string[]; box: number[][]; global_text?: string; type: string } = {
    text: [],
    box: [],
    type,
  }
  for (const [i, one] of box.entries()) {
    const clipped = clipBox(one, width, height)
    if (!clipped) summary.badBoxes++
    const caption = text[i]?.trim()
    if (!clipped || !caption) continue
    record.text.push(caption)
    record.box.push(clipped)
  }
  if (globalText?.trim()) record.global_text = globalText.trim()
  return record
}

/** Keys from names: plain ones stay readable, others and second ones get a hash of the name. */
class Keys {
  readonly #names = new Map<string, string>()

  /** The key for a name, in the order of the file; null when the name comes twice. */
  of(name: string): string | null {
    const stem = name.replace(/\.[^./]+$/, '')
    const isPlain = /^[A-Za-z0-9_-]{1,90}$/.test(stem)
    const hash = createHash('sha256').update(name).digest('hex').slice(0, 12)
    const hashed = `${stem.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(-76)}-${hash}`
    for (const key of isPlain ? [stem, hashed] : [hashed]) {
      const taken = this.#names.get(key)
      if (taken === name) return null
      if (taken !== undefined) continue
      this.#names.set(key, name)
      return key
    }
    return null
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await onDisk('read', path, async () => {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  })
  return hash.digest('hex')
}
