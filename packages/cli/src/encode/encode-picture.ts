// One picture through the encoder, with what the report needs to know about how it went.

import type { Box } from '@ps3js/patch-selector'
import {
  decodeImage,
  type EncodeOptions,
  type Encoding,
  type RgbImage,
  type StageTime,
} from '@ps3js/ps3-encoder'
import { InvalidArgumentError } from '@ps3js/tensor'
import type { CliContext } from '../context.ts'
import type { ModelInUse } from './model.ts'

/** What to encode and how, as the command line says it. */
export interface EncodeChoices {
  prompt?: string
  /** In pixels of the picture as it is shown: only patches that touch one of them are taken. */
  boxes: readonly Box[]
  looks?: number | 'all'
  tokens?: number | 'all'
  perScale?: readonly number[]
  coverage?: number
  /** Take from the first n scales above the low-res one only. */
  scales?: number
  hiddenStates?: readonly number[]
}

export interface Stage {
  name: 'decode' | 'resize' | StageTime['stage'] | 'question' | 'write'
  milliseconds: number
}

/** An encoded picture. Dispose the encoding. */
export interface EncodedPicture {
  path: string
  image: RgbImage
  encoding: Encoding
  stages: Stage[]
}

/** What reports are made from: where was looked, whoever looked. */
export interface LookedPicture extends Omit<EncodedPicture, 'encoding'> {
  encoding: Pick<Encoding, 'sizes' | 'selections' | 'looks' | 'probabilities' | 'lowResTokenCount'>
}

/** Reads, resizes and encodes. Throws ImageError and InvalidArgumentError. */
export async function encodePicture(
  path: string,
  { encoder, processor }: ModelInUse,
  choices: EncodeChoices,
  { progress, signal }: Pick<CliContext, 'progress' | 'signal'>,
): Promise<EncodedPicture> {
  const stages: Stage[] = []
  const timed = async <T>(name: Stage['name'], work: () => T | Promise<T>): Promise<T> => {
    signal.throwIfAborted()
    progress.step(`${path}: ${name}`)
    const started = performance.now()
    const result = await work()
    stages.push({ name, milliseconds: performance.now() - started })
    return result
  }
  const image = await timed('decode', () => decodeImage(path, { signal }))
  checkBoxes(path, image, choices.boxes)
  const resized = await timed('resize', () => processor.process(image, { signal }))
  progress.step(`${path}: low-res pass`)
  const view = await encoder.lowRes(resized, {
    signal,
    hiddenStates: choices.hiddenStates,
    onStage: ({ stage, milliseconds }) => {
      stages.push({ name: stage, milliseconds })
      progress.step(`${path}: ${NEXT[stage]}`)
    },
  })
  try {
    const grids = view.sizes.slice(1).map((size) => size.grid)
    checkTokens(choices, grids)
    const encoding = await view.encode({ ...lookOptions(choices, image, resized), signal })
    return { path, image, encoding, stages }
  } finally {
    view.dispose()
  }
}

const NEXT: Record<StageTime['stage'], string> = {
  'low-res': 'finding out where to look',
  selection: 'choosing patches',
  choice: 'looking closely',
  'high-res': 'looking closely',
}

/** The encoder sees the resized picture: boxes are scaled to it. */
function lookOptions(choices: EncodeChoices, image: RgbImage, resized: RgbImage): EncodeOptions {
  const { prompt, boxes, looks, tokens, perScale, coverage, scales, hiddenStates } = choices
  const x = resized.width / image.width
  const y = resized.height / image.height
  return {
    prompt,
    within:
      boxes.length > 0 ? boxes.map(([x1, y1, x2, y2]): Box => [x1 * x, y1 * y, x2 * x, y2 * y]) : undefined,
    looks,
    tokens,
    budget: perScale,
    coverage,
    firstScales: scales,
    hiddenStates,
  }
}

function checkBoxes(path: string, { width, height }: RgbImage, boxes: readonly Box[]): void {
  for (const [x1, y1, x2, y2] of boxes) {
    if (x2 > 0 && y2 > 0 && x1 < width && y1 < height) continue
    throw new InvalidArgumentError(
      `--box ${[x1, y1, x2, y2]} lies outside of ${path}, which is ${width} x ${height} pixels`,
    )
  }
}

/** More patches than there are is a mistake in the numbers, not a wish for all of them. */
function checkTokens(
  { tokens, perScale, scales }: EncodeChoices,
  grids: readonly { height: number; width: number }[],
): void {
  const patches = grids.map((grid) => grid.height * grid.width)
  const all = patches.slice(0, scales ?? grids.length).reduce((sum, count) => sum + count, 0)
  if (typeof tokens === 'number' && tokens > all) {
    throw new InvalidArgumentError(
      `--tokens ${tokens} is more than the ${all} patches that these scales have; give at most that, or all`,
    )
  }
  perScale?.forEach((count, i) => {
    const there = patches[i]
    if (there === undefined || count <= there) return
    throw new InvalidArgumentError(
      `--per-scale asks for ${count} patches of scale ${i + 1}, which has ${there}; give at most that`,
    )
  })
}
