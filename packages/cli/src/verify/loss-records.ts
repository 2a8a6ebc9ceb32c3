// Reading what was recorded of a loss, and how near to it ours must be. Shapes: W workers, B samples, D feature width.

import { backendInfo, ConfigError, type SafetensorsFile } from '@ps3js/tensor'

/** `case.json` of a loss. */
export interface LossCase {
  kind: 'loss'
  /** How several workers computed it. */
  impl?: string
  /** Of PS3's box supervision. */
  weights?: { prior: number; topdown: number }
  gt_selection_maps_call_dtype?: string
  tensors: Record<string, { shape: number[] }>
}

export interface LossImplementation {
  loss: 'siglip' | 'clip'
  /** Whether each worker computes the whole batch's loss: the mean of the local ones. */
  whole: boolean
}

const SIGLIP: LossImplementation = { loss: 'siglip', whole: false }
const CLIP_LOCAL: LossImplementation = { loss: 'clip', whole: false }
const CLIP_WHOLE: LossImplementation = { loss: 'clip', whole: true }

/** open_clip's ways to exchange features: they differ in traffic, not in numbers. */
const IMPLEMENTATIONS: Record<string, LossImplementation> = {
  siglip_gather: SIGLIP,
  siglip_bidir: SIGLIP,
  siglip_shift: SIGLIP,
  siglip_reduce: SIGLIP,
  clip_local: CLIP_LOCAL,
  clip_global: CLIP_WHOLE,
  clip_gather: CLIP_WHOLE,
  clip_nonlocal: CLIP_WHOLE,
  clip_non_local: CLIP_WHOLE,
  clip_full: CLIP_WHOLE,
  clip: CLIP_WHOLE,
}

export function implementationOf({ impl, tensors }: LossCase): LossImplementation {
  if (impl === undefined) return 'logit_bias' in tensors ? SIGLIP : CLIP_LOCAL
  const known = IMPLEMENTATIONS[impl]
  if (known) return known
  throw new ConfigError(
    `this tool does not know the loss implementation "${impl}"; it knows ${Object.keys(IMPLEMENTATIONS).join(', ')}`,
  )
}

export interface LossInputs {
  /** One entry per worker: [B, D] row-major. */
  images: Float32Array[]
  texts: Float32Array[]
  /** [B, D] */
  shape: [number, number]
  /** One entry per worker. */
  logitScale: number[]
  logitBias: number[]
}

export async function readLossInputs(tensors: SafetensorsFile): Promise<LossInputs> {
  const shape = tensors.info('image_features').shape
  const workers = shape.length === 3 ? shape[0]! : 1
  const [batch, width] = shape.slice(-2) as [number, number]
  const perWorker = async (name: string) => {
    const values = await tensors.readFloat32(name)
    return Array.from({ length: workers }, (_, i) => values.slice(i * batch * width, (i + 1) * batch * width))
  }
  // Where they were not recorded they are what training starts with.
  const values = async (name: string, start: number) => {
    const recorded = tensors.has(name) ? await tensors.readFloat32(name) : [start]
    return Array.from({ length: workers }, (_, i) => recorded[i] ?? recorded[0]!)
  }
  return {
    images: await perWorker('image_features'),
    texts: await perWorker('text_features'),
    shape: [batch, width],
    logitScale: await values('logit_scale_log', Math.log(10)),
    logitBias: await values('logit_bias', -10),
  }
}

/** How far a value may be from the recorded one, relative to the largest of its tensor. */
const RELATIVE = 1e-5
/** A GPU's exp, division and order of summation are coarser. */
const RELATIVE_WEBGPU = 1e-4
/**
 * Where terms cancel, the recorded float32 values are off by their terms' rounding, whatever is left of them: some units
 * in the last place.
 */
const ROUNDING = 4 * 2 ** -24

/** Values are compared after division by `unit`. */
export interface LossTolerance {
  unit: (i: number) => number
  tolerance: number
}

export async function lossTolerance(
  name: string,
  { loss }: LossImplementation,
  inputs: LossInputs,
  tensors: SafetensorsFile,
): Promise<LossTolerance> {
  const relative = backendInfo()?.name === 'webgpu' ? RELATIVE_WEBGPU : RELATIVE
  const want = await tensors.readFloat32(name)
  // Nothing cancels in these, and a clamped logarithm makes single ones a million times as large as all others.
  if (/_probs\.\d+$/.test(name)) return { unit: (i) => Math.abs(want[i]!) || 1, tolerance: relative }
  const terms = loss === 'clip' ? softmaxTerms(name, inputs) : await sigmoidTerms(name, inputs, tensors)
  return { unit: () => 1, tolerance: Math.max(relative * largest(want), ROUNDING * terms) }
}

/** A softmax's slopes are p - 1 with p near 1 for pairs that stand out, and its loss is the logarithm of such a p. */
function softmaxTerms(name: string, { images, texts, logitScale, shape: [batch] }: LossInputs): number {
  const scale = Math.exp(Math.max(...logitScale))
  if (name === 'loss') return 1
  if (name === 'grad_logit_scale_log') return scale
  return (scale / batch) * largest([...images, ...texts].map(largest))
}

/** The scale's gradient is the sum over features times their gradients. */
async function sigmoidTerms(name: string, { images }: LossInputs, tensors: SafetensorsFile): Promise<number> {
  if (name !== 'grad_logit_scale_log' || !tensors.has('grad_image_features')) return 0
  const gradients = await tensors.readFloat32('grad_image_features')
  return images.flatMap((x) => [...x]).reduce((sum, x, i) => sum + Math.abs(x * gradients[i]!), 0)
}

const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
