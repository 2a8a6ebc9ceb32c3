// A thread that draws: an index comes in, an encoded picture goes out.
import { parentPort, workerData } from 'node:worker_threads'
import { PS3Error } from '@ps3js/tensor'
import { type DatasetSettings, type EncodedPicture, encodePicture } from './encode.ts'

/** What a worker answers. */
export type Answer = { index: number } & (EncodedPicture | { code: string; message: string })

const port = parentPort!

port.on('message', (index: number) => void answer(index))

async function answer(index: number): Promise<void> {
  try {
    const encoded = await encodePicture(workerData as DatasetSettings, index)
    // A copy with a buffer of its own, which is handed over.
    const picture = new Uint8Array(encoded.picture)
    port.postMessage({ index, picture, record: encoded.record } satisfies Answer, [picture.buffer])
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const code = error instanceof PS3Error ? error.code : 'resource'
    port.postMessage({ index, code, message: `picture ${index}: ${message}` } satisfies Answer)
  }
}
