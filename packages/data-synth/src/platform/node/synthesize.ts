// Draws a dataset on threads and writes it in order, so that the number of threads changes nothing but the time.
import { availableParallelism } from 'node:os'
import { type ShardIndex, ShardWriter } from '@ps3js/data-pipeline'
import { InvalidArgumentError } from '@ps3js/tensor'
import { checkSize, type SynthesizeOptions } from '../../options.ts'
import { loadAssets } from './assets.ts'
import type { EncodedPicture } from './encode.ts'
import { openDrawers } from './pool.ts'

/** Small shards: a kill costs at most the one that was open. */
const SHARD = { maxSamples: 1000, maxBytes: 64e6 }

const WORKER = new URL('./worker.js', import.meta.url)

/** `workerFile`: the compiled worker, where it does not lie beside this file. */
export async function synthesize(options: SynthesizeOptions, workerFile: URL = WORKER): Promise<ShardIndex> {
  const { kind, count, width, height, seed, split = 'train', directory, signal, onProgress } = options
  const { questions = 0 } = options
  const workers = options.workers ?? availableParallelism()
  checkSize(kind, width, height)
  requireWhole('count', count, 1, 999_999_999)
  requireWhole('seed', seed, 0, 2 ** 32 - 1)
  requireWhole('workers', workers, 0, 256)
  requireWhole('questions', questions, 0, 1000)
  const settings = { kind, width, height, seed, split, ...(questions > 0 && { questions }) }
  const origin = `data-synth ${JSON.stringify({ ...settings, count })}`
  await using writer = await ShardWriter.open(directory, { ...SHARD, origin, signal })
  const keyOf = (index: number) => `${kind}-${split}-${seed}-${String(index).padStart(9, '0')}`
  const missing = Array.from({ length: count }, (_, index) => index).filter(
    (index) => !writer.has(keyOf(index)),
  )
  const report = () => onProgress?.({ pictures: writer.samples, total: count })
  report()
  if (missing.length === 0) return writer.finish()
  // Fonts are the process's: registered here, before threads could do so at once.
  if (kind === 'scenes' || kind === 'documents') await loadAssets()
  const drawers = openDrawers(settings, Math.min(workers, missing.length), workerFile)
  try {
    const asked: Promise<EncodedPicture>[] = []
    for (const [i, index] of missing.entries()) {
      signal?.throwIfAborted()
      while (asked.length < Math.min(drawers.ahead, missing.length - i)) {
        const picture = drawers.draw(missing[i + asked.length]!)
        // Whoever waits for it is told; an earlier one may end the work first.
        picture.catch(() => undefined)
        asked.push(picture)
      }
      await writer.add({ key: keyOf(index), ...(await unlessAborted(asked.shift()!, signal)) })
      report()
    }
  } finally {
    await drawers.close()
  }
  return writer.finish()
}

function requireWhole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new InvalidArgumentError(`${name} ${value}: give a whole number from ${low} to ${high}`)
}

/** The picture, or the signal's reason as soon as it aborts. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop!)
  }
}
