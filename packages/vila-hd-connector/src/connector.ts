// VILA-HD's connector: an encoder's features become tokens of a language model, its state becomes a prompt for the
// encoder. Knows neither of the two. Source: NVlabs/VILA base_projector.py and encode_images_ps3 of llava_arch.py.
// B pictures, C width of features, D width of tokens.

import {
  add,
  ConfigError,
  concat,
  gatherRows,
  InvalidArgumentError,
  Module,
  matMul,
  Parameter,
  reshape,
  slice,
  type Tensor,
  tensor2d,
  tidy,
  zeros,
  zerosInitializer,
} from '@ps3js/tensor'
import { blocksOf, completeCells, type GridSize, tokenGrid, window } from './blocks.ts'
import { type ConnectorConfig, checkConfig, type ProjectorForm, projectorForm } from './config.ts'
import { project, projectorLayers } from './projector.ts'
import { createPromptHead, type PromptHead } from './prompt-head.ts'

/** Patches that an encoder took a closer look at: per high-res scale its grid and ascending row-major indices. */
export interface HighResPatches {
  grids: readonly GridSize[]
  indices: readonly (Int32Array | readonly number[])[]
}

export interface HighResTokens {
  /** [tokens, D] */
  tokens: Tensor
  /** Per high-res scale the row-major cells of its grid of tokens, in the tokens' order. */
  cells: Int32Array[]
  /** Whether no block was complete, so that the first low-res token stands in. */
  standIn: boolean
}

export class Connector extends Module {
  readonly layers: ReturnType<typeof projectorLayers>
  readonly top_down_prompt_head: PromptHead | null
  readonly high_res_pos_embed: Parameter | null
  readonly high_res_scale_embed: Parameter[]
  readonly config: ConnectorConfig
  readonly #form: ProjectorForm

  /**
   * Builds the connector without values: follow with `initialize(seed)` or `loadStateDict(...)`.
   *
   * @throws ConfigError for a configuration that none can have
   */
  constructor(config: ConnectorConfig) {
    super()
    checkConfig(config)
    const { projectorType, visionWidth, hiddenSize, promptHead, promptWidth = visionWidth } = config
    this.config = config
    this.#form = projectorForm(projectorType, visionWidth, hiddenSize)
    this.layers = projectorLayers(this.#form)
    this.top_down_prompt_head = promptHead ? createPromptHead(promptHead, hiddenSize, promptWidth) : null
    const side = config.positionGrid
    this.high_res_pos_embed = side ? new Parameter([1, side * side, hiddenSize], zerosInitializer) : null
    this.high_res_scale_embed = Array.from(
      { length: config.numScales },
      () => new Parameter([1, 1, hiddenSize], zerosInitializer),
    )
  }

  /** Patches along each side of the block that becomes one token. */
  get block(): number {
    return this.#form.block
  }

  /** The grid of tokens that a grid of patches becomes. */
  tokenGrid(grid: GridSize): GridSize {
    return tokenGrid(grid, this.block)
  }

  /** Whole low-res grids: features [B, height * width, C] -> [B, tokens, D] */
  lowRes(features: Tensor, grid: GridSize): Tensor {
    this.#checkFeatures(features, ['B', grid.height * grid.width])
    const batch = features.shape[0]!
    return tidy(() => {
      const merged = mergeBlocks(features, grid, this.block)
      const [, count, width] = merged.shape as [number, number, number]
      const projected = project(this.layers, reshape(merged, [-1, width]))
      const tokens = reshape(projected, [batch, count, this.config.hiddenSize])
      const cells = Int32Array.from({ length: count }, (_, i) => i)
      return this.#addPlace(tokens, cells, this.tokenGrid(grid), 0)
    })
  }

  /**
   * The patches that were looked at closely, of one picture: only complete blocks become tokens, and only they are
   * computed. In the order of scales, rows and columns.
   *
   * @param features [patches, C], in the order of scales and indices
   * @param lowRes this picture's low-res tokens [1, tokens, D]; its first one stands in where no block is complete
   */
  highRes(features: Tensor, patches: HighResPatches, lowRes: Tensor): HighResTokens {
    const { grids, indices } = patches
    const taken = indices.reduce((sum, { length }) => sum + length, 0)
    this.#checkPatches(patches)
    this.#checkFeatures(features, [taken])
    const { hiddenSize } = this.config
    const cells = grids.map((grid, i) => completeCells(grid, this.block, indices[i]!))
    if (cells.every(({ length }) => length === 0)) {
      const tokens = tidy(() => reshape(slice(lowRes, [0, 0, 0], [1, 1, hiddenSize]), [1, hiddenSize]))
      return { tokens, cells, standIn: true }
    }
    const tokens = tidy(() => {
      let start = 0
      const scales = grids.map((grid, i) => {
        const row = new Map(Array.from(indices[i]!, (index, at) => [index, start + at]))
        start += indices[i]!.length
        return blocksOf(grid, this.block, cells[i]).map((patch) => row.get(patch) ?? -1)
      })
      const rows = Int32Array.from(scales.flatMap((scale) => [...scale]))
      const projected = project(this.layers, gatherBlocks(features, rows, this.block))
      let from = 0
      return concat(
        grids.flatMap((grid, i) => {
          const count = cells[i]!.length
          if (count === 0) return []
          const own = reshape(slice(projected, [from, 0], [count, hiddenSize]), [1, count, hiddenSize])
          from += count
          const placed = this.#addPlace(own, cells[i]!, this.tokenGrid(grid), i + 1)
          return [reshape(placed, [count, hiddenSize])]
        }),
        0,
      )
    })
    return { tokens, cells, standIn: false }
  }

  /**
   * The selection's prompts for states of the language model (the last layer's, after its norm, at the last token of the
   * question). states [B, D] -> [B, promptWidth]
   */
  prompt(states: Tensor): Tensor {
    if (!this.top_down_prompt_head) {
      throw new ConfigError(
        'this connector has no top_down_prompt_head: it looks by the picture alone (mode after-image)',
      )
    }
    const { hiddenSize } = this.config
    if (states.rank !== 2 || states.shape[1] !== hiddenSize) {
      throw new InvalidArgumentError(`states are [${states.shape.join(', ')}], expected [B, ${hiddenSize}]`)
    }
    return this.top_down_prompt_head.forward(states)
  }

  /** Adds the table of positions, area-resized to the grid of tokens but only where tokens are, and the scale's vector. */
  #addPlace(tokens: Tensor, cells: Int32Array, grid: GridSize, scale: number): Tensor {
    const side = this.config.positionGrid
    let placed = tokens
    if (this.high_res_pos_embed && side) {
      const weights = positionWeights(cells, grid, side)
      const table = reshape(this.high_res_pos_embed.value, [side * side, this.config.hiddenSize])
      placed = add(placed, matMul(tensor2d(weights, [cells.length, side * side]), table))
    }
    const embed = this.high_res_scale_embed[scale]
    return embed ? add(placed, embed.value) : placed
  }

  #checkFeatures(features: Tensor, leading: (number | string)[]): void {
    const wanted = [...leading, this.config.visionWidth]
    const fits =
      features.rank === wanted.length &&
      wanted.every((size, axis) => typeof size === 'string' || size === features.shape[axis])
    if (fits) return
    throw new InvalidArgumentError(
      `features are [${features.shape.join(', ')}], expected [${wanted.join(', ')}]`,
    )
  }

  #checkPatches({ grids, indices }: HighResPatches): void {
    const { numScales } = this.config
    if (grids.length !== indices.length || (numScales > 0 && grids.length > numScales - 1)) {
      const most = numScales > 0 ? `, at most ${numScales - 1}` : ''
      throw new InvalidArgumentError(
        `${indices.length} lists of patches for ${grids.length} grids: one for each high-res scale is needed${most}`,
      )
    }
    grids.forEach(({ height, width }, i) => {
      const wrong = indices[i]!.find(
        (index) => !(Number.isInteger(index) && index >= 0 && index < height * width),
      )
      if (wrong === undefined) return
      throw new InvalidArgumentError(
        `patch ${wrong} is not in the ${height}x${width} grid of high-res scale ${i + 1}`,
      )
    })
  }
}

/**
 * Lays the features of each block side by side, row by row; zeros beyond the edge.
 * features [B, height * width, C] -> [B, blocks, block * block * C]
 */
export function mergeBlocks(features: Tensor, grid: GridSize, block: number): Tensor {
  const [batch, size, width] = features.shape as [number, number, number]
  const patches = blocksOf(grid, block)
  const rows = new Int32Array(patches.length * batch)
  for (let b = 0; b < batch; b++) {
    rows.set(
      patches.map((patch) => (patch < 0 ? -1 : patch + b * size)),
      b * patches.length,
    )
  }
  return tidy(() => {
    const merged = gatherBlocks(reshape(features, [-1, width]), rows, block)
    return reshape(merged, [batch, -1, block * block * width])
  })
}

/** Rows of features side by side, zeros for -1: [R, C] -> [blocks, block * block * C] */
function gatherBlocks(features: Tensor, rows: Int32Array, block: number): Tensor {
  const [beyond, width] = features.shape as [number, number]
  const padded = rows.includes(-1) ? concat([features, zeros([1, width])], 0) : features
  const picked = gatherRows(
    padded,
    rows.map((row) => (row < 0 ? beyond : row)),
  )
  return reshape(picked, [-1, block * block * width])
}

/** Row i averages the places of a side x side table that cell i of the grid covers: [cells, side * side] */
function positionWeights(cells: Int32Array, { height, width }: GridSize, side: number): Float32Array {
  const weights = new Float32Array(cells.length * side * side)
  cells.forEach((cell, i) => {
    const [top, bottom] = window(Math.floor(cell / width), side, height)
    const [left, right] = window(cell % width, side, width)
    const share = 1 / ((bottom - top) * (right - left))
    for (let r = top; r < bottom; r++) {
      weights.fill(share, (i * side + r) * side + left, (i * side + r) * side + right)
    }
  })
  return weights
}
