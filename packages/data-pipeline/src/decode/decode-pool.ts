// Worker threads that decode, crop and resize pictures: sharp decodes, Pillow's bicubic filter resizes, nothing runs on
// the thread that trains. See docs/decisions/2026-11-25-training-pictures-in-worker-threads.md.

import { Worker } from 'node:worker_threads'
import { ImageError, ResourceError, type RgbImage } from '@ps3js/tensor'
import type { Crop } from '../sample/crop.ts'
import { OPEN } from './picture-size.ts'
import { resizeKernel } from './resize-kernel.ts'

/** Decodes the part `crop` of a picture at `size` x `size`. */
export type CropDecoder = (
  picture: Uint8Array,
  crop: Crop,
  size: number,
) => Promise<RgbImage & { data: Uint8Array }>

/**
 * As text, so that no bundler, test runner or module format has to find a file. Pixels are laid on white where they are
 * transparent, after EXIF rotation; colour profiles stay unused.
 */
const WORKER = `
const { createRequire } = require('node:module')
const { parentPort, workerData } = require('node:worker_threads')
const sharp = createRequire(workerData.from)('sharp')
const { prepare, run, memory } = new WebAssembly.Instance(workerData.kernel, {}).exports

async function decode({ picture, crop, size }) {
  const { data, info } = await sharp(picture, workerData.open)
    .autoOrient()
    .extract(crop)
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  if (info.channels !== 3) throw new Error('it has ' + info.channels + ' channels, not 3')
  const place = prepare(info.width, info.height, size, size) >>> 0
  if (place === 0) throw new Error('no memory to resize it')
  new Uint8Array(memory.buffer).set(data, place)
  const start = run() >>> 0
  return new Uint8Array(memory.buffer.slice(start, start + size * size * 3))
}

parentPort.on('message', ({ id, ...job }) => {
  decode(job).then(
    (data) => parentPort.postMessage({ id, data }, [data.buffer]),
    (error) => parentPort.postMessage({ id, problem: String(error.message).split('\\n')[0].trim() }),
  )
})
`

/** Source, result and what lies between them share one 32-bit memory; tables and padding take far less than the rest. */
const MOST_BYTES = 1.9e9

interface Answer {
  id: number
  data?: Uint8Array
  problem?: string
}

interface Job {
  resolve: (data: Uint8Array) => void
  reject: (error: unknown) => void
}

class Thread {
  readonly #worker: Worker
  readonly #jobs = new Map<number, Job>()
  #next = 0

  constructor() {
    const workerData = { kernel: resizeKernel(), from: import.meta.url, open: OPEN }
    this.#worker = new Worker(WORKER, { eval: true, execArgv: [], workerData })
    // A pool that was forgotten does not keep the process alive; a job that is awaited does.
    this.#worker.unref()
    this.#worker.on('message', ({ id, data, problem }: Answer) => {
      const job = this.#jobs.get(id)
      this.#jobs.delete(id)
      if (this.#jobs.size === 0) this.#worker.unref()
      if (data) job?.resolve(data)
      else job?.reject(new ImageError(`its picture cannot be decoded (${problem})`))
    })
    this.#worker.on('error', (cause) => {
      this.#fail(new ResourceError(`a decoding thread failed: ${cause.message}`, { cause }))
    })
    this.#worker.on('exit', () => this.#fail(new ResourceError('a decoding thread ended before its work')))
  }

  get load(): number {
    return this.#jobs.size
  }

  decode(job: { picture: Uint8Array; crop: Crop; size: number }): Promise<Uint8Array> {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#jobs.set(id, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage({ id, ...job })
    })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#jobs.values()) reject(error)
    this.#jobs.clear()
  }
}

/** A fixed number of threads. Each holds what its largest picture and result took. */
export class DecodePool {
  readonly #threads: Thread[]

  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, () => new Thread())
  }

  /** @throws ImageError for what is damaged, truncated or too large */
  readonly decode: CropDecoder = async (picture, crop, size) => {
    const sides = Math.max(crop.width * size, size * crop.height)
    if ((crop.width * crop.height + sides + size * size) * 3 > MOST_BYTES) {
      throw new ImageError(`a crop of ${crop.width}x${crop.height} is too large to resize to ${size}x${size}`)
    }
    const thread = this.#threads.reduce((least, one) => (one.load < least.load ? one : least))
    const { top, left, width, height } = crop
    const data = await thread.decode({ picture, crop: { top, left, width, height }, size })
    return { width: size, height: size, data }
  }

  /** Ends the threads, also in the middle of their work. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
