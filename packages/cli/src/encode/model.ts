// The model that a command works with: a checkpoint by directory, address or hub name, or the built-in one.

import { type ImageProcessor, loadPretrained, type PS3Encoder } from '@ps3js/ps3-encoder'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../format.ts'
import { loadDefaultModel } from './random-encoder.ts'

export interface ModelInUse {
  encoder: PS3Encoder
  processor: ImageProcessor
  /** For people: what was asked for. */
  name: string
  /** No training has touched it: what it selects means nothing. */
  isRandom: boolean
}

/** Loads `ref`, or the built-in random model without one. Dispose the encoder. */
export async function loadModel(ref: string | undefined, context: CliContext): Promise<ModelInUse> {
  const { progress, signal } = context
  if (ref === undefined) {
    progress.step('preparing the built-in model')
    return loadDefaultModel()
  }
  progress.step(`opening ${ref}`)
  const { encoder, processor } = await loadPretrained(ref, {
    signal,
    onProgress: ({ file, loaded, total }) =>
      progress.step(`fetching ${file} (${formatBytes(loaded)})`, total ? loaded / total : undefined),
    onWeights: ({ loaded, total }) => progress.step(`loading weights of ${ref}`, loaded / total),
  })
  return { encoder, processor, name: ref, isRandom: false }
}
