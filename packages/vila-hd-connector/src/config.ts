// What a connector consists of, as VILA's `mm_projector_type` names it, and how that is read off a checkpoint.

import { ConfigError, InvalidArgumentError, type StateSource } from '@ps3js/tensor'

export interface ConnectorConfig {
  /**
   * VILA's name of the projector: `identity`, `linear`, `mlp{n}x_gelu`, `mlp_downsample`, `mlp_downsample_2x2_fix`,
   * `mlp_downsample_3x3_fix`, `mlp_downsample_3x3_s2`, `mlp_downsample_3x3_s2_new`.
   */
  projectorType: string
  /** Width of the encoder's features. */
  visionWidth: number
  /** Width of the language model's embeddings. */
  hiddenSize: number
  /** What makes a prompt for the selection out of the language model's state; null where nothing does. */
  promptHead: 'linear' | 'mlp' | null
  /** Width of the selection's prompt. Default: `visionWidth`. */
  promptWidth?: number
  /** Side of the learned table of positions (the low-res grid); null without one. */
  positionGrid: number | null
  /** Learned vectors that say which scale a token is from, low-res included; 0 without them. */
  numScales: number
}

/** @throws ConfigError for a field that is out of its range */
export function checkConfig(config: ConnectorConfig): void {
  const { visionWidth, hiddenSize, promptWidth = visionWidth, promptHead, positionGrid, numScales } = config
  const counts = {
    visionWidth,
    hiddenSize,
    promptWidth,
    positionGrid: positionGrid ?? 1,
    numScales: numScales + 1,
  }
  const wrong = Object.entries(counts).find(([, value]) => !(Number.isInteger(value) && value >= 1))
  if (wrong) {
    const [name] = wrong as [keyof ConnectorConfig, number]
    const least = name === 'numScales' ? 0 : 1
    throw new ConfigError(`${name} is ${config[name]}; it must be an integer of at least ${least}`)
  }
  if (promptHead === null || promptHead === 'linear' || promptHead === 'mlp') return
  throw new ConfigError(`promptHead is ${promptHead}; there are linear, mlp and null`)
}

/** The layers of a projector. */
export interface ProjectorForm {
  /** Patches along each side of the block that becomes one token. */
  block: number
  /** Widths from the input of the first linear layer to the output of the last. */
  widths: number[]
  /** Whether a LayerNorm stands before every linear layer but the last. */
  norms: boolean
  /** Whether the layers are numbered in the checkpoint, or one linear layer stands for itself. */
  numbered: boolean
}

/** @throws ConfigError for a type that is not known, naming those that are */
export function projectorForm(type: string, visionWidth: number, hiddenSize: number): ProjectorForm {
  const c = visionWidth
  const third = Math.floor(c / 3)
  const form = (block: number, widths: number[], norms: boolean, numbered = true): ProjectorForm => ({
    block,
    widths,
    norms,
    numbered,
  })
  switch (type) {
    case 'identity':
      if (c === hiddenSize) return form(1, [c], false)
      throw new ConfigError(
        `an identity projector needs features as wide as embeddings, not ${c} and ${hiddenSize}`,
      )
    case 'linear':
      return form(1, [c, hiddenSize], false, false)
    case 'mlp_downsample':
    case 'mlp_downsample_2x2_fix':
      return form(2, [4 * c, hiddenSize, hiddenSize], true)
    case 'mlp_downsample_3x3_fix':
      return form(3, [9 * c, 3 * c, hiddenSize, hiddenSize], true)
    case 'mlp_downsample_3x3_s2':
      return form(3, [9 * c, 3 * c, c, third, hiddenSize, hiddenSize], true)
    case 'mlp_downsample_3x3_s2_new':
      return form(3, [9 * c, 4 * c, 2 * c, c, third, hiddenSize, hiddenSize], true)
  }
  const depth = Number(/^mlp(\d+)x_gelu$/.exec(type)?.[1])
  if (depth >= 1) return form(1, [c, ...Array.from({ length: depth }, () => hiddenSize)], false)
  throw new ConfigError(
    `unknown projector type "${type}"; known are identity, linear, mlp2x_gelu (any number), mlp_downsample, mlp_downsample_2x2_fix, mlp_downsample_3x3_fix, mlp_downsample_3x3_s2 and mlp_downsample_3x3_s2_new`,
  )
}

/** The configuration of a checkpoint whose projector and widths are known: the other parts show in its names. */
export function connectorConfigOf(
  source: StateSource,
  known: Pick<ConnectorConfig, 'projectorType' | 'visionWidth' | 'hiddenSize'>,
): ConnectorConfig {
  const names = new Set(source.names())
  const head = 'top_down_prompt_head'
  const promptHead = names.has(`${head}.fc1.weight`) ? 'mlp' : names.has(`${head}.weight`) ? 'linear' : null
  const output = { mlp: `${head}.fc2.weight`, linear: `${head}.weight` }
  return {
    ...known,
    promptHead,
    promptWidth: promptHead ? source.shape(output[promptHead])[0] : undefined,
    positionGrid: names.has('high_res_pos_embed') ? sideOf(source.shape('high_res_pos_embed')) : null,
    numScales: [...names].filter((name) => name.startsWith('high_res_scale_embed.')).length,
  }
}

function sideOf(shape: readonly number[]): number {
  const side = Math.sqrt(shape[1] ?? 0)
  if (Number.isInteger(side) && side > 0) return side
  throw new InvalidArgumentError(
    `high_res_pos_embed is [${shape.join(', ')}]; its second axis must be a square's area`,
  )
}
