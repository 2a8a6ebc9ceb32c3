// What happened to one picture, in numbers: the JSON that `--json` prints and that the report shows.

import { countPatches, type ProbabilityMap } from '@ps3js/patch-selector'
import type { BackendInfo } from '@ps3js/tensor'
import { type EncodingCost, encodingCost } from '../report/flops.ts'
import type { EncodeChoices, LookedPicture, Stage } from './encode-picture.ts'
import type { ModelInUse } from './model.ts'

export interface ScaleSummary {
  /** 0 is the low-res one. */
  scale: number
  /** Side of the model's square at this scale, in pixels. */
  pixels: number
  grid: { height: number; width: number }
  selected: number
  all: number
}

export interface PictureSummary {
  picture: string
  width: number
  height: number
  model: { name: string; parameters: number; width: number }
  backend: { name: string; describe: string }
  choices: EncodeChoices
  /** Low-res tokens, tokens of the looks, and how many there would be in all. */
  tokens: { lowRes: number; highRes: number; allHighRes: number; perLook: number[] }
  scales: ScaleSummary[]
  /** Smallest and largest probability that the choice went by. */
  probabilities: { smallest: number; largest: number }
  flops: EncodingCost
  stages: Stage[]
  /** Of the whole process so far. */
  peakMemoryBytes: number
}

export function summarize(
  { path, image, encoding, stages }: LookedPicture,
  { encoder, name }: Pick<ModelInUse, 'encoder' | 'name'>,
  choices: EncodeChoices,
  backend: BackendInfo,
): PictureSummary {
  const { vision, trunk } = encoder.config
  const selection = encoding.selections[0]!
  const scales = encoding.sizes.map(({ grid }, scale): ScaleSummary => {
    const all = grid.height * grid.width
    const selected = scale === 0 ? all : selection.indices[scale - 1]!.length
    return { scale, pixels: vision.ps3_scales[scale]!, grid, selected, all }
  })
  const perLook = encoding.looks.map((look) => countPatches(look[0]!))
  const allHighRes = scales.slice(1).reduce((sum, { all }) => sum + all, 0)
  return {
    picture: path,
    width: image.width,
    height: image.height,
    model: { name, parameters: encoder.parameterCount, width: trunk.width },
    backend: { name: backend.name, describe: backend.describe },
    choices,
    tokens: { lowRes: encoding.lowResTokenCount, highRes: countPatches(selection), allHighRes, perLook },
    scales,
    probabilities: range(selectionMap(encoding)),
    flops: encodingCost(encoder.config, { looks: perLook, allPatches: allHighRes }),
    stages,
    peakMemoryBytes: peakMemory(),
  }
}

/** The map on the low-res grid that the choice went by. */
export function selectionMap({ probabilities }: LookedPicture['encoding']): ProbabilityMap {
  return (probabilities.topDown ?? probabilities.bottomUp)[0]!
}

/** The largest resident memory that this process has had, in bytes. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024
}

function range({ data }: ProbabilityMap): { smallest: number; largest: number } {
  let smallest = Number.POSITIVE_INFINITY
  let largest = Number.NEGATIVE_INFINITY
  for (const value of data) {
    smallest = Math.min(smallest, value)
    largest = Math.max(largest, value)
  }
  return { smallest, largest }
}
