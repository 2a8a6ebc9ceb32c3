// Threads that draw pictures, and the same without threads.
import { Worker } from 'node:worker_threads'
import { PS3Error, ResourceError } from '@ps3js/tensor'
import { type DatasetSettings, type EncodedPicture, encodePicture } from './encode.ts'
import type { Answer } from './worker.ts'

export interface Drawers {
  /** How many pictures may be asked for before the first is back. */
  readonly ahead: number
  draw: (index: number) => Promise<EncodedPicture>
  close: () => Promise<void>
}

/** Pictures that each thread has before it, so that none waits for the writer. */
const AHEAD = 2

interface Waiting {
  worker: Worker
  resolve: (picture: EncodedPicture) => void
  reject: (error: unknown) => void
}

/** @param workerFile the compiled worker.ts */
export function openDrawers(settings: DatasetSettings, workers: number, workerFile: URL): Drawers {
  if (workers === 0)
    return { ahead: 1, draw: (index) => encodePicture(settings, index), close: async () => undefined }
  const waiting = new Map<number, Waiting>()
  const load = new Map<Worker, number>()
  const settle = (index: number): Waiting | undefined => {
    const found = waiting.get(index)
    waiting.delete(index)
    if (found) load.set(found.worker, load.get(found.worker)! - 1)
    return found
  }
  const fail = (error: unknown) => {
    for (const index of [...waiting.keys()]) settle(index)?.reject(error)
  }
  for (let i = 0; i < workers; i++) {
    const worker = new Worker(workerFile, { workerData: settings })
    load.set(worker, 0)
    worker.on('message', (answer: Answer) => {
      const asked = settle(answer.index)
      if ('picture' in answer) asked?.resolve(answer)
      else asked?.reject(new PS3Error(answer.code, answer.message))
    })
    worker.on('error', (cause) =>
      fail(
        new ResourceError(`a drawing thread failed: ${cause instanceof Error ? cause.message : cause}`, {
          cause,
        }),
      ),
    )
    worker.on('exit', (code) =>
      fail(new ResourceError(`a drawing thread stopped with status ${code}: try fewer workers`)),
    )
  }
  return {
    ahead: AHEAD * workers,
    draw: (index) =>
      new Promise((resolve, reject) => {
        const [worker] = [...load].reduce((least, one) => (one[1] < least[1] ? one : least))
        load.set(worker, load.get(worker)! + 1)
        waiting.set(index, { worker, resolve, reject })
        worker.postMessage(index)
      }),
    close: async () => {
      for (const worker of load.keys()) worker.removeAllListeners()
      await Promise.all([...load.keys()].map((worker) => worker.terminate()))
    },
  }
}
