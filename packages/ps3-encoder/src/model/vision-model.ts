// PS3's vision model (arXiv:2503.19903, section 3), as synchronous steps on tensors: a low-res pass that keeps keys
// and values, probabilities of where to look, and passes over chosen patches. `LowResView` strings them together.
// Shapes: B batch, n low-res tokens, N high-res tokens, P = 3 * patch * patch, C width.

import { type PatchSelection, SelectionHead } from '@ps3js/patch-selector'
import {
  add,
  concat,
  dispose,
  gatherRows,
  Module,
  Parameter,
  reshape,
  type Tensor,
  tidy,
  zerosInitializer,
} from '@ps3js/tensor'
import type { Block } from './block.ts'
import type { PS3Config } from './config.ts'
import { allPatches, croppedPositions, type Grid, resampledPositions } from './position.ts'
import { Trunk } from './trunk.ts'

export type LowResOutput = {
  /** Outputs of the asked-for blocks, in the order asked for, before the final norm: [B, n, C]. */
  hiddenStates: Tensor[]
  /** Of every block: [B, n, 2C]. */
  keysValues: Tensor[]
}

export class VisionModel extends Module {
  readonly trunk: Trunk
  /** Its parameters sit beside the trunk in checkpoints, without a name of their own. */
  readonly selector: SelectionHead
  readonly pos_emb_residual: Parameter[]
  readonly #cropPositions: boolean

  constructor({ vision, trunk }: PS3Config) {
    super()
    const highResScales = vision.ps3_scales.slice(1)
    this.trunk = new Trunk(trunk, vision)
    this.selector = new SelectionHead({
      width: trunk.width,
      numFeatureLayers: vision.select_based_on_layer.length,
      numHighResScales: highResScales.length,
      highRes: vision.highres_selection_feature
        ? {
            hiddenDim: vision.highres_selection_module_hidden_dim,
            outDim: vision.highres_selection_module_out_dim,
            depth: vision.highres_selection_module_depth,
            kernelSize: vision.highres_selection_module_kernel_size,
          }
        : undefined,
    })
    this.pos_emb_residual = vision.separate_pos_emb
      ? highResScales.map(
          (scale) => new Parameter([1, (scale / trunk.patch_size) ** 2, trunk.width], zerosInitializer),
        )
      : []
    this.#cropPositions = vision.radio
  }

  get depth(): number {
    return this.trunk.blocks.length
  }

  /** The whole picture at the lowest scale. patches [B, n, P]; `layers` are the block outputs to keep. */
  lowRes(patches: Tensor, grid: Grid, layers: readonly number[]): LowResOutput {
    return tidy(() => drain(this.lowResSteps(patches, grid, layers)))
  }

  /** `lowRes` with a pause after every block, for callers that stay responsive or may be cancelled. */
  *lowResSteps(patches: Tensor, grid: Grid, layers: readonly number[]): Generator<void, LowResOutput> {
    const keysValues: Tensor[] = []
    const embedded = this.embedLowRes(patches, grid)
    let finished = false
    try {
      const hiddenStates = yield* runBlocks(this.trunk.blocks, embedded, layers, (block, x) => {
        const out = block.forwardWithCache(x)
        keysValues.push(out.keysValues)
        return out.x
      })
      finished = true
      return { hiddenStates, keysValues }
    } finally {
      embedded.dispose()
      if (!finished) dispose(keysValues)
    }
  }

  /** Embeds every patch of the lowest scale: [B, n, P] -> [B, n, C] */
  embedLowRes(patches: Tensor, grid: Grid): Tensor {
    return tidy(() =>
      add(this.trunk.patch_embed.proj.forward(patches), this.#positions(grid, allPatches(grid))),
    )
  }

  /**
   * Embeds chosen patches of every picture of a batch. patches [B, N, P] in (scale, row, column) order as listed by
   * `selections`, whose totals must be equal; `grids` are those of the scales above the first. -> [B, N, C]
   */
  embedHighRes(patches: Tensor, selections: readonly PatchSelection[], grids: readonly Grid[]): Tensor {
    return tidy(() => {
      // A scale's positions for all pictures at once: their gradient is a whole table, which one picture's would be too.
      const byScale = grids.flatMap((grid, i) => {
        const ids = concatIds(selections.map(({ indices }) => indices[i]!))
        return ids.length > 0 ? [this.#highResPositions(i, grid, ids)] : []
      })
      const embedded = this.trunk.patch_embed.proj.forward(patches)
      const positions = gatherRows(concat(byScale, 0), byPicture(selections))
      return add(embedded, reshape(positions, embedded.shape))
    })
  }

  /** Blocks over high-res tokens [B, N, C], each attending to the low-res keys and values too. -> outputs of `layers` */
  highRes(tokens: Tensor, keysValues: readonly Tensor[], layers: readonly number[]): Tensor[] {
    return tidy(() => drain(this.highResSteps(tokens, keysValues, layers)))
  }

  /** `highRes` with a pause after every block. */
  highResSteps(
    tokens: Tensor,
    keysValues: readonly Tensor[],
    layers: readonly number[],
  ): Generator<void, Tensor[]> {
    return runBlocks(this.trunk.blocks, tokens, layers, (block, x, layer) =>
      block.forward(x, keysValues[layer]),
    )
  }

  #positions(grid: Grid, indices: Int32Array): Tensor {
    const table = this.trunk.pos_embed.value
    return this.#cropPositions
      ? croppedPositions(table, grid, indices)
      : resampledPositions(table, grid, indices)
  }

  #highResPositions(index: number, grid: Grid, ids: Int32Array): Tensor {
    const base = this.#positions(grid, ids)
    const residual = this.pos_emb_residual[index]
    return residual ? add(base, croppedPositions(residual.value, grid, ids)) : base
  }
}

/** Runs the blocks in order, keeps the outputs of `layers` only, and leaves nothing behind when it is stopped. */
function* runBlocks(
  blocks: readonly Block[],
  input: Tensor,
  layers: readonly number[],
  run: (block: Block, x: Tensor, layer: number) => Tensor,
): Generator<void, Tensor[]> {
  const kept = new Map<number, Tensor>()
  let x = input
  let finished = false
  const release = (tensor: Tensor) => {
    if (tensor !== input && ![...kept.values()].includes(tensor)) tensor.dispose()
  }
  try {
    for (const [layer, block] of blocks.entries()) {
      const next = run(block, x, layer)
      release(x)
      x = next
      if (layers.includes(layer)) kept.set(layer, x)
      yield
    }
    finished = true
    return layers.map((layer) => kept.get(layer)!)
  } finally {
    release(x)
    if (!finished) dispose([...kept.values()])
  }
}

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Row gather that keeps a batch: x [B, N, C], for every sample the rows to take -> [B, rows, C] */
export function takeTokens(x: Tensor, rows: readonly Int32Array[]): Tensor {
  const [batch, count, width] = x.shape as [number, number, number]
  return tidy(() => {
    const flat = Int32Array.from(rows.flatMap((ids, sample) => [...ids].map((id) => sample * count + id)))
    return reshape(gatherRows(reshape(x, [batch * count, width]), flat), [batch, -1, width])
  })
}

function concatIds(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let to = 0
  for (const part of parts) {
    all.set(part, to)
    to += part.length
  }
  return all
}

/** Where the rows of (picture, scale, patch) stand in the order (scale, picture, patch). */
function byPicture(selections: readonly PatchSelection[]): Int32Array {
  const starts = selections.map(({ indices }) => indices.map(() => 0))
  let next = 0
  for (let scale = 0; scale < selections[0]!.indices.length; scale++) {
    selections.forEach(({ indices }, picture) => {
      starts[picture]![scale] = next
      next += indices[scale]!.length
    })
  }
  return concatIds(
    selections.flatMap(({ indices }, picture) =>
      indices.map((ids, scale) => ids.map((_, i) => starts[picture]![scale]! + i)),
    ),
  )
}
