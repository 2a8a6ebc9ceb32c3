// Masks by segment-anything (arXiv:2304.02643), when the user brings its two ONNX files: a grid of points over the picture
// and over four crops of it, as the paper's data was made (24 points a side, one crop layer).

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { BackendError, InvalidArgumentError, ResourceError } from '@ps3js/tensor'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import sharp, { type Sharp } from 'sharp'
import { onDisk } from '../write/disk.ts'
import { decoding, type EncodedPicture, upright } from './picture.ts'
import type { Proposer } from './proposer.ts'
import { type Crop, cropsOf, maskOf, SAM, type ScoredMask, scaleOf, suppress } from './sam-masks.ts'

export interface SamModels {
  /** ONNX file of the image encoder: one input [1, 3, 1024, 1024], normalised; one output, the embeddings. */
  encoder: string
  /** ONNX file of the prompt decoder, as segment-anything's `export_onnx_model.py` writes it. */
  decoder: string
  /** Points a side, in the picture and in each crop. Default 24, as the paper has it; the time grows with its square. */
  pointsPerSide?: number
}

const DECODER_INPUTS = [
  'image_embeddings',
  'point_coords',
  'point_labels',
  'mask_input',
  'has_mask_input',
  'orig_im_size',
]
const DECODER_OUTPUTS = ['low_res_masks', 'iou_predictions']
/** Per channel, for values 0..255. */
const MEAN = [123.675, 116.28, 103.53]
const STD = [58.395, 57.12, 57.375]

/**
 * Loads the models. With the released models 2880 points take minutes a picture on a few processor cores.
 *
 * @throws ResourceError when onnxruntime-node is not installed, or a file cannot be read or is no such model
 */
export async function samProposer({ encoder, decoder, pointsPerSide = 24 }: SamModels): Promise<Proposer> {
  if (!Number.isSafeInteger(pointsPerSide) || pointsPerSide < 1) {
    throw new InvalidArgumentError(`pointsPerSide ${pointsPerSide}: give a whole number of at least 1`)
  }
  const hashes = [await hashOf(encoder), await hashOf(decoder)]
  const runtime = await loadRuntime()
  const encoding = await loadModel(runtime, encoder)
  let decoding: InferenceSession
  try {
    if (encoding.inputNames.length !== 1) {
      throw new ResourceError(
        `${encoder}: an image encoder has one input, this has ${encoding.inputNames.join(', ')}`,
      )
    }
    decoding = await loadModel(runtime, decoder)
    const missing =
      DECODER_INPUTS.find((name) => !decoding.inputNames.includes(name)) ??
      DECODER_OUTPUTS.find((name) => !decoding.outputNames.includes(name))
    if (missing) {
      await decoding.release()
      throw new ResourceError(
        `${decoder}: no ${missing}; export it with segment-anything's export_onnx_model.py`,
      )
    }
  } catch (error) {
    await encoding.release()
    throw error
  }
  const model: Model = { runtime, encoding, decoding, pointsPerSide }
  return {
    name: `sam-1 ${hashes.join(' ')} ${pointsPerSide}`,
    propose: (picture, signal) => masksIn(model, picture, signal),
    async close() {
      await encoding.release()
      await decoding.release()
    },
  }
}

type Runtime = typeof import('onnxruntime-node')

interface Model {
  runtime: Runtime
  encoding: InferenceSession
  decoding: InferenceSession
  pointsPerSide: number
}

async function masksIn(model: Model, picture: EncodedPicture, signal?: AbortSignal): Promise<ScoredMask[]> {
  const { data, info } = await decoding(picture.name, () =>
    upright(picture).raw().toBuffer({ resolveWithObject: true }),
  )
  const pixels = sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } })
  const found: ScoredMask[] = []
  for (const crop of cropsOf(picture.width, picture.height)) {
    const masks = await masksInCrop(model, pixels, crop, picture, signal)
    // Between crops the smaller one saw the mask better.
    found.push(...suppress(masks).map((mask) => ({ ...mask, score: 1 / (crop.width * crop.height) })))
  }
  return suppress(found)
}

async function masksInCrop(
  { runtime, encoding, decoding, pointsPerSide }: Model,
  pixels: Sharp,
  crop: Crop,
  picture: EncodedPicture,
  signal?: AbortSignal,
): Promise<ScoredMask[]> {
  const { Tensor } = runtime
  const scale = scaleOf(crop)
  const [width, height] = [Math.round(crop.width * scale), Math.round(crop.height * scale)]
  const rgb = await pixels
    .clone()
    .extract(crop)
    .resize({ width, height, fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer()
  const input = new Tensor('float32', normalised(rgb, width, height), [1, 3, SAM.side, SAM.side])
  const encoded = await computing(() => encoding.run({ [encoding.inputNames[0]!]: input }))
  const constant = {
    image_embeddings: encoded[encoding.outputNames[0]!]!,
    point_labels: new Tensor('float32', Float32Array.of(1, -1), [1, 2]),
    mask_input: new Tensor('float32', new Float32Array(SAM.maskSide ** 2), [
      1,
      1,
      SAM.maskSide,
      SAM.maskSide,
    ]),
    has_mask_input: new Tensor('float32', Float32Array.of(0), [1]),
    orig_im_size: new Tensor('float32', Float32Array.of(SAM.maskSide, SAM.maskSide), [2]),
  }
  const masks: ScoredMask[] = []
  for (const [x, y] of pointsIn(pointsPerSide, width, height)) {
    signal?.throwIfAborted()
    const point = new Tensor('float32', Float32Array.of(x, y, 0, 0), [1, 2, 2])
    // The large masks are not asked for, so they are not computed.
    const given = await computing(() => decoding.run({ ...constant, point_coords: point }, DECODER_OUTPUTS))
    masks.push(...goodMasks(given, crop, picture))
  }
  return masks
}

function goodMasks(
  given: InferenceSession.OnnxValueMapType,
  crop: Crop,
  picture: EncodedPicture,
): ScoredMask[] {
  const logits = (given.low_res_masks as Tensor).data as Float32Array
  const ious = (given.iou_predictions as Tensor).data as Float32Array
  const size = SAM.maskSide ** 2
  // The first of four answers several points; of one there may be one.
  return [...ious.keys()].slice(ious.length > 1 ? 1 : 0).flatMap((i) => {
    if (ious[i]! <= SAM.minIou) return []
    const mask = maskOf(logits.subarray(i * size, (i + 1) * size), ious[i]!, crop, picture)
    return mask ? [mask] : []
  })
}

/** Centres of a grid, in pixels of the square. */
function* pointsIn(n: number, width: number, height: number): Generator<[x: number, y: number]> {
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++)
      yield [((column + 0.5) / n) * width, ((row + 0.5) / n) * height]
  }
}

/** RGB bytes as [3, 1024, 1024], normalised, zeros below and to the right. */
function normalised(rgb: Uint8Array, width: number, height: number): Float32Array {
  const values = new Float32Array(3 * SAM.side ** 2)
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const byte = rgb[(y * width + x) * 3 + channel]!
        values[(channel * SAM.side + y) * SAM.side + x] = (byte - MEAN[channel]!) / STD[channel]!
      }
    }
  }
  return values
}

async function loadRuntime(): Promise<Runtime> {
  try {
    return await import('onnxruntime-node')
  } catch (cause) {
    throw new ResourceError(
      `segment-anything models need the package onnxruntime-node: npm install onnxruntime-node (${(cause as Error).message.split('\n')[0]})`,
      { cause },
    )
  }
}

async function loadModel({ InferenceSession }: Runtime, path: string): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path)
  } catch (cause) {
    throw new ResourceError(`${path} is no ONNX model that runs here: ${(cause as Error).message}`, { cause })
  }
}

/** A model that does not fit fails for every picture: no reason to skip this one. */
async function computing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new BackendError(`the segment-anything model failed: ${(cause as Error).message}`, { cause })
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await onDisk('read', path, async () => {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  })
  return hash.digest('hex').slice(0, 12)
}
