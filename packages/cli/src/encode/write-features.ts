// features.safetensors: every token with its place, the low-res grid, probabilities and selection maps.
// Shapes: n low-res tokens on a grid h x w, N tokens of the looks, C width.

import { join } from 'node:path'
import { type ProbabilityMap, selectionToMaps, selectionToPatches } from '@ps3js/patch-selector'
import { type Tensor, type TensorToWrite, writeSafetensors } from '@ps3js/tensor'
import type { EncodedPicture } from './encode-picture.ts'
import type { PictureSummary } from './summary.ts'

export type StoredDtype = 'F32' | 'F16' | 'BF16'

export const FEATURES_FILE = 'features.safetensors'

/**
 * Writes, besides the metadata:
 * - `tokens` [n + N, C]: low-res tokens, then those of the looks in (scale, row, column) order
 * - `scale`, `row`, `column`, `look` [n + N] int32: each token's place; look is -1 for low-res tokens
 * - `low_res_grid` [h, w, C]: the low-res tokens laid out
 * - `hidden.L` [n + N, C] for the other layers asked for
 * - `probabilities` [h, w] that the choice went by; `probabilities.bottom_up` and `.top_down` when there was a prompt
 * - `selection.S` [h_S, w_S] uint8: 1 where scale S was looked at
 *
 * Features are stored in `dtype`, probabilities always in float32.
 */
export async function writeFeatures(
  directory: string,
  { encoding }: EncodedPicture,
  summary: PictureSummary,
  dtype: StoredDtype,
  signal: AbortSignal,
): Promise<void> {
  const { grid } = encoding.sizes[0]!
  const [, count, width] = encoding.tokens.shape as [number, number, number]
  const tokens = await values(encoding.tokens)
  const tensors: [string, TensorToWrite][] = [
    ['tokens', floats(tokens, [count, width], dtype)],
    [
      'low_res_grid',
      floats(tokens.subarray(0, grid.height * grid.width * width), [grid.height, grid.width, width], dtype),
    ],
    ...places(encoding),
    ...probabilityTensors(encoding),
    ...selectionTensors(encoding),
  ]
  for (const [layer, state] of encoding.hiddenStates) {
    if (state === encoding.tokens) continue
    tensors.push([`hidden.${layer}`, floats(await values(state), [count, width], dtype)])
  }
  await writeSafetensors(join(directory, FEATURES_FILE), tensors, { metadata: metadata(summary), signal })
}

function metadata(summary: PictureSummary): Record<string, string> {
  const { picture, width, height, model, backend, choices } = summary
  return {
    format: 'pt',
    picture,
    picture_size: `${width}x${height}`,
    model: model.name,
    backend: backend.name,
    scales: summary.scales.map(({ pixels }) => pixels).join(','),
    options: JSON.stringify(choices),
  }
}

function places({
  sizes,
  selections,
  looks,
  lowResTokenCount,
}: EncodedPicture['encoding']): [string, TensorToWrite][] {
  const grids = sizes.slice(1).map((size) => size.grid)
  const patches = selectionToPatches(selections[0]!, grids)
  const lookOf = grids.map((_, s) => {
    const found = new Map<number, number>()
    for (const [look, [selection]] of looks.entries()) {
      for (const index of selection!.indices[s]!) found.set(index, look)
    }
    return found
  })
  const total = lowResTokenCount + patches.length
  const columns = { scale: new Int32Array(total), row: new Int32Array(total), column: new Int32Array(total) }
  const look = new Int32Array(total).fill(-1)
  const lowWidth = sizes[0]!.grid.width
  for (let i = 0; i < lowResTokenCount; i++) {
    columns.row[i] = Math.floor(i / lowWidth)
    columns.column[i] = i % lowWidth
  }
  patches.forEach(({ scale, row, column }, i) => {
    const to = lowResTokenCount + i
    columns.scale[to] = scale
    columns.row[to] = row
    columns.column[to] = column
    look[to] = lookOf[scale - 1]!.get(row * grids[scale - 1]!.width + column) ?? -1
  })
  return Object.entries({ ...columns, look }).map(([name, data]) => [
    name,
    { dtype: 'I32', shape: [total], data },
  ])
}

function probabilityTensors({ probabilities }: EncodedPicture['encoding']): [string, TensorToWrite][] {
  const bottomUp = probabilities.bottomUp[0]!
  const topDown = probabilities.topDown?.[0]
  const maps: [string, ProbabilityMap][] = [['probabilities', topDown ?? bottomUp]]
  if (topDown) maps.push(['probabilities.bottom_up', bottomUp], ['probabilities.top_down', topDown])
  return maps.map(([name, { height, width, data }]) => [name, { dtype: 'F32', shape: [height, width], data }])
}

function selectionTensors({ sizes, selections }: EncodedPicture['encoding']): [string, TensorToWrite][] {
  const grids = sizes.slice(1).map((size) => size.grid)
  return selectionToMaps(selections[0]!, grids).map((data, s) => [
    `selection.${s + 1}`,
    { dtype: 'U8', shape: [grids[s]!.height, grids[s]!.width], data },
  ])
}

async function values(tensor: Tensor): Promise<Float32Array> {
  return (await tensor.data()) as Float32Array
}

/** The writer takes float32 values for the half types and rounds them to nearest even. */
function floats(data: Float32Array, shape: number[], dtype: StoredDtype): TensorToWrite {
  return { dtype, shape, data }
}
