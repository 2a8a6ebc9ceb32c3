// The vision encoder's part, as synchronous and differentiable steps: features of whole pictures at low resolution,
// then of chosen patches. Shapes: B pictures of one size, n low-res patches, N chosen patches each, C width.

import { mergeLooks, type PatchSelection, type SelectionFeatures } from '@ps3js/patch-selector'
import type { PictureBatch, PS3Encoder } from '@ps3js/ps3-encoder'
import { concat, gatherRows, reshape, type Tensor, tidy } from '@ps3js/tensor'

export interface LowResFeatures {
  /** Output of the block that the connector reads: [B, n, C] */
  features: Tensor
  /** Of every block, for the passes over chosen patches: [B, n, 2C] */
  keysValues: Tensor[]
  /** What `encoder.vision_model.selector.probabilities(selection, prompt)` reads. */
  selection: SelectionFeatures
}

/** The low-res pass. `layer` is the block whose output the connector reads. */
export function lowResFeatures(encoder: PS3Encoder, pictures: PictureBatch, layer: number): LowResFeatures
/** The same, without a selection's features where nothing is selected by them. */
export function lowResFeatures(
  encoder: PS3Encoder,
  pictures: PictureBatch,
  layer: number,
  selects: boolean,
): Omit<LowResFeatures, 'selection'> & { selection: SelectionFeatures | null }
export function lowResFeatures(encoder: PS3Encoder, pictures: PictureBatch, layer: number, selects = true) {
  const { vision_model: model, config } = encoder
  const read = config.vision.select_based_on_layer
  const { grid } = pictures.sizes[0]!
  const layers = [...new Set([...read, layer])].sort((a, b) => a - b)
  const made: { features: Tensor; keysValues: Tensor[]; selection: SelectionFeatures | null }[] = []
  tidy(() => {
    const { hiddenStates, keysValues } = model.lowRes(pictures.lowResPatches(), grid, layers)
    const stateOf = (index: number) => hiddenStates[layers.indexOf(index)]!
    const selection = selects
      ? model.selector.features({
          hiddenStates: read.map(stateOf),
          grid,
          picturePatches: pictures.selectionPatches(config.vision),
        })
      : null
    made.push({ features: stateOf(layer), keysValues, selection })
    const seen = selection ? [selection.lowRes, ...(selection.highRes ? [selection.highRes] : [])] : []
    return [stateOf(layer), ...keysValues, ...seen]
  })
  return made[0]!
}

/**
 * The passes over chosen patches, one for each look: per look, per picture, equally many of each picture in one look.
 * Merged in the order of scales and indices: [B, N, C]
 */
export function highResFeatures(
  encoder: PS3Encoder,
  pictures: PictureBatch,
  looks: readonly (readonly PatchSelection[])[],
  keysValues: readonly Tensor[],
  layer: number,
): Tensor {
  const { vision_model: model } = encoder
  const grids = pictures.sizes.slice(1).map(({ grid }) => grid)
  return tidy(() => {
    const parts = looks.map((selections) => {
      const tokens = model.embedHighRes(pictures.highResPatches(selections), selections, grids)
      return model.highRes(tokens, keysValues, [layer])[0]!
    })
    if (parts.length === 1) return parts[0]!
    const joined = concat(parts, 1)
    const [batch, count, width] = joined.shape as [number, number, number]
    const rows = pictures.images.flatMap((_, picture) => {
      const { order } = mergeLooks(looks.map((selections) => selections[picture]!))
      return [...order].map((row) => picture * count + row)
    })
    return reshape(gatherRows(reshape(joined, [batch * count, width]), rows), [batch, count, width])
  })
}
