// The model that a command works with: a checkpoint by directory, address or hub name, or the built-in one.

import { type ImageProcessor, loadPretrained, type PS3Encoder } from '@ps3js/ps3-encoder'
import { assetPath } from '../assets.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../format.ts'

export interface ModelInUse {
  encoder: PS3Encoder
  processor: ImageProcessor
  /** For people: what was asked for. */
  name: string
}

/** Loads `ref`, or the built-in PS3-Tiny without one. Dispose the encoder. */
export async function loadModel(ref: string | undefined, context: CliContext): Promise<ModelInUse> {
  const { progress, signal } = context
  if (ref === undefined) {
    progress.step('preparing the built-in model')
    const { encoder, processor } = await loadPretrained(assetPath('default-model'), { signal })
    return { encoder, processor, name: 'PS3-Tiny, the built-in small model' }
  }
  progress.step(`opening ${ref}`)
  const { encoder, processor } = await loadPretrained(ref, {
    signal,
    onProgress: ({ file, loaded, total }) =>
      progress.step(`fetching ${file} (${formatBytes(loaded)})`, total ? loaded / total : undefined),
    onWeights: ({ loaded, total }) => progress.step(`loading weights of ${ref}`, loaded / total),
  })
  return { encoder, processor, name: ref }
}
