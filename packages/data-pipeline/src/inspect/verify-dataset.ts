// Checks a dataset without training on it: files as the writer left them, pairs, keys, records, boxes inside pictures.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { PS3Error } from '@ps3js/tensor'
import { decodeWhole } from '../decode/picture-size.ts'
import { openBytes } from '../read/open-bytes.ts'
import type { ShardSource } from '../read/source.ts'
import { checkPicture } from '../sample/make-sample.ts'
import type { RawSample } from '../types.ts'
import type { ShardIndex } from '../write/shard-index.ts'

export interface VerifyDatasetOptions {
  /** The writer's folder and its index: sizes and checksums are compared. */
  written?: { directory: string; index: ShardIndex } | undefined
  /** Also decodes every picture to its end; headers are read in any case. */
  decode?: boolean
  /** Told of every problem, in order. */
  onProblem?: (problem: DatasetProblem) => void
  onProgress?: (done: { samples: number; shard: number; shards: number }) => void
  signal?: AbortSignal
}

export interface DatasetProblem {
  /** Absent where a whole file is concerned. */
  key?: string
  shard: string
  reason: string
}

export interface DatasetReport {
  samples: number
  /** Files whose checksums agreed. */
  checkedFiles: number
  problems: number
}

/** Reads everything once (twice where there are checksums). A shard that cannot be read is one problem, not the end. */
export async function verifyDataset(
  source: ShardSource,
  options: VerifyDatasetOptions = {},
): Promise<DatasetReport> {
  const { written, decode = false, onProblem, onProgress, signal } = options
  const report: DatasetReport = { samples: 0, checkedFiles: 0, problems: 0 }
  const add = (problem: DatasetProblem) => {
    report.problems++
    onProblem?.(problem)
  }
  for (const { files } of written?.index.shards ?? []) {
    for (const file of files) {
      const reason = await compareFile(join(written!.directory, file.name), file, signal)
      if (reason === null) report.checkedFiles++
      else add({ shard: file.name, reason })
    }
  }
  const shardOf = new Map<string, number>()
  const shards = source.names.length
  for (let shard = 0; shard < shards; shard++) {
    let inShard = 0
    try {
      for await (const item of source.read(shard, { ...(signal && { signal }) })) {
        signal?.throwIfAborted()
        const where = { key: item.key, shard: item.shard }
        const earlier = shardOf.get(item.key)
        shardOf.set(item.key, shard)
        if (earlier !== undefined)
          add({ ...where, reason: `its key was seen before, in ${source.names[earlier]}` })
        const reason = item.sample ? await problemOf(item.sample, decode) : item.problem
        if (reason !== null) add({ ...where, reason })
        inShard++
        report.samples++
        onProgress?.({ samples: report.samples, shard, shards })
      }
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof PS3Error)) throw error
      add({ shard: source.names[shard]!, reason: error.message })
      continue
    }
    const expected = written?.index.shards[shard]?.samples
    if (expected !== undefined && expected !== inShard) {
      add({ shard: source.names[shard]!, reason: `it holds ${inShard} samples, its index says ${expected}` })
    }
  }
  return report
}

async function compareFile(
  path: string,
  { bytes, sha256 }: { bytes: number; sha256: string },
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const hash = createHash('sha256')
  let read = 0
  try {
    for await (const chunk of openBytes(path, signal)) {
      hash.update(chunk)
      read += chunk.length
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof PS3Error)) throw error
    return error.message
  }
  if (read !== bytes) return `it is ${read} bytes long, its index says ${bytes}`
  const found = hash.digest('hex')
  return found === sha256
    ? null
    : `its SHA-256 is ${found}, its index says ${sha256}: the file was changed or damaged`
}

async function problemOf(sample: RawSample, decode: boolean): Promise<string | null> {
  try {
    const { width, height } = await checkPicture(sample)
    for (const [i, box] of (sample.record.box ?? []).entries()) {
      const [x1, y1, x2, y2] = box as [number, number, number, number]
      if (x1 >= 0 && y1 >= 0 && x2 <= width && y2 <= height) continue
      return `box ${i} [${box.join(', ')}] reaches beyond its picture of ${width}x${height}`
    }
    if (decode) await decodeWhole(sample.picture)
    return null
  } catch (error) {
    if (error instanceof PS3Error) return error.message
    throw error
  }
}
