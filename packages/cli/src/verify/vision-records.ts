// Reading what was recorded of a vision case, and bringing our own results into the recorded order.

import {
  type GridSize,
  mapsToSelection,
  type ProbabilityMap,
  type ProbabilityMaps,
  resizeNearest,
} from '@ps3js/patch-selector'
import type { LowResView, TrunkConfig } from '@ps3js/ps3-encoder'
import { type SafetensorsFile, type Tensor, tensor } from '@ps3js/tensor'
import { readPictures } from './model.ts'
import type { FixtureStore } from './store.ts'

/** `case.json` of a vision case. */
export interface VisionCase {
  name: string
  kind: 'vision' | 'vision-error'
  inputs: { png: string[]; mean: number[]; std: number[] }
  call: {
    num_look_close?: number | 'all' | null
    num_token_look_close?: number | 'all' | null
    only_select_first_n_scale?: number | number[] | null
    smooth_selection_prob?: boolean
    output_hidden_states?: boolean
    pool_gt_token_only?: boolean
  }
  tie_rule: 'rowmajor' | 'official'
  steps?: number
  grid_each_scale: [number, number][]
  float32_vs_float64?: { output_max_abs_diff: number }
  gt_selection_maps_call_dtype?: string
  gt_selection_maps_png?: string[]
  /** What the tensors file holds. */
  tensors?: Record<string, { shape: number[] }>
}

/** Ours [B, n, 2C] per block, in the recorded order: (layers, 2, B, heads, n, head width). */
export async function readCache(view: LowResView, { heads, width }: TrunkConfig): Promise<Float32Array> {
  const headWidth = width / heads
  const parts: Float32Array[] = []
  for (const block of view.keysValues) {
    const [batch, count] = block.shape as [number, number]
    const data = (await block.data()) as Float32Array
    const out = new Float32Array(data.length)
    let to = 0
    for (let half = 0; half < 2; half++) {
      for (let sample = 0; sample < batch; sample++) {
        for (let head = 0; head < heads; head++) {
          for (let token = 0; token < count; token++) {
            const from = (sample * count + token) * 2 * width + half * width + head * headWidth
            out.set(data.subarray(from, from + headWidth), to)
            to += headWidth
          }
        }
      }
    }
    parts.push(out)
  }
  return concatenate(parts)
}

export function atScale(maps: ProbabilityMaps, scale: number, grid: GridSize): ProbabilityMap {
  return resizeNearest('data' in maps ? maps : maps[scale]!, grid)
}

export async function readTensor(tensors: SafetensorsFile, name: string): Promise<Tensor> {
  return tensor(await tensors.readFloat32(name), [...tensors.info(name).shape])
}

export async function readSelections(
  tensors: SafetensorsFile,
  prefix: string,
  grids: GridSize[],
  batch: number,
) {
  const maps = await Promise.all(grids.map((_, i) => tensors.readFloat32(`${prefix}${i + 1}`)))
  return Array.from({ length: batch }, (_, sample) =>
    mapsToSelection(
      grids.map(({ height, width }, i) => {
        const cells = height * width
        return Uint8Array.from(maps[i]!.subarray(sample * cells, (sample + 1) * cells))
      }),
      grids,
    ),
  )
}

export async function readRegions(
  store: FixtureStore,
  folder: string,
  recorded: VisionCase,
  tensors: SafetensorsFile,
  batch: number,
): Promise<ProbabilityMap[] | undefined> {
  if (recorded.gt_selection_maps_png) {
    const images = await readPictures(
      store,
      recorded.gt_selection_maps_png.map((file) => `${folder}/${file}`),
    )
    return images.map(({ width, height, data }) => ({
      width,
      height,
      data: Float32Array.from({ length: width * height }, (_, i) => data[3 * i]! / 255),
    }))
  }
  if (!tensors.has('gt_selection_maps')) return undefined
  const [, height, width] = tensors.info('gt_selection_maps').shape as [number, number, number]
  const values = await tensors.readFloat32('gt_selection_maps')
  const cells = height * width
  return Array.from({ length: batch }, (_, i) => ({
    height,
    width,
    data: values.slice(i * cells, (i + 1) * cells),
  }))
}

export function concatenate<T extends Float32Array | Int32Array | Uint8Array>(
  parts: readonly T[],
): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let to = 0
  for (const part of parts) {
    out.set(part, to)
    to += part.length
  }
  return out
}
