// How closely to look at a picture, as options say it, and how many tokens that can give at most.

import {
  type ChoiceOptions,
  choosePatches,
  type GridSize,
  type ProbabilityMap,
  planLooks,
  type Region,
  regionMaps,
  type SampleChoiceOptions,
  scaleBudget,
} from '@ps3js/patch-selector'
import { ConfigError, InvalidArgumentError, PS3Error } from '@ps3js/tensor'
import type { Connector } from '@ps3js/vila-hd-connector'
import { LOOK_MODES, type LookMode, type VilaHdConfig } from './config.ts'

/**
 * Where and how closely to look. What is left out is as the model's configuration says; everything that
 * `@ps3js/patch-selector` can choose by works. Boxes are in pixels of the picture before it was resized.
 */
export interface PictureLookOptions extends ChoiceOptions {
  /** Choose by the question, or by the picture alone. */
  mode?: LookMode
  /** What differs from picture to picture, one entry each, in the pictures' order. */
  perPicture?: readonly SampleChoiceOptions[]
}

/** One picture's part of it, with nothing left open. */
export type LookPlan = ChoiceOptions & {
  readonly budget: readonly number[]
  /** Of the scales above the first. */
  readonly grids: readonly GridSize[]
  /** Of the picture before it was resized, in pixels. */
  readonly imageSize: GridSize
}

export type PictureGeometry = Pick<LookPlan, 'grids' | 'imageSize'>

/**
 * What to look at closely in each picture, or null where none is looked at.
 *
 * @throws InvalidArgumentError for options that no picture could be looked at with
 */
export function planPictures(
  pictures: readonly PictureGeometry[],
  { mode, perPicture = [], budget, looks, tokens, ...common }: PictureLookOptions,
  config: VilaHdConfig,
  encoder: { budget: readonly number[]; scales: readonly number[] },
): LookPlan[] | null {
  if (mode !== undefined && !LOOK_MODES.includes(mode)) {
    throw new InvalidArgumentError(`look.mode is ${mode}; there are ${LOOK_MODES.join(' and ')}`)
  }
  if (perPicture.length > pictures.length) {
    throw new InvalidArgumentError(
      `perPicture has ${perPicture.length} entries for ${pictures.length} pictures`,
    )
  }
  const isLimited = looks !== undefined || tokens !== undefined
  const usual = config.tokens === null ? { looks: config.looks } : { tokens: config.tokens }
  const plans = pictures.map(({ grids, imageSize }, i): LookPlan => {
    const own = { ...given(common), ...given(perPicture[i] ?? {}) }
    const open = own.coverage === undefined ? usual : {}
    return {
      grids,
      imageSize,
      budget: typeof budget === 'number' ? scaleBudget(grids.map(area), budget) : (budget ?? encoder.budget),
      firstScales: config.dynamicAspectRatio ? scalesFor(imageSize, encoder.scales) : undefined,
      ...own,
      ...(isLimited ? { looks, tokens } : open),
    }
  })
  if (plans.every((plan) => plan.looks === 0 || plan.tokens === 0)) return null
  // Whatever is wrong with them shows in a map that is alike everywhere.
  for (const plan of plans) choosePatches({ ...plan, probabilities: EVEN })
  return plans
}

const EVEN: ProbabilityMap = { height: 1, width: 1, data: new Float32Array([1]) }

/** Without what is there and undefined, which must not hide a default. */
const given = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>

/**
 * Scales above the first that a picture is large enough for: all, or all but the finest where its long side is at most
 * the mean of the last two. Models up to 2000 px use all.
 */
function scalesFor({ height, width }: GridSize, scales: readonly number[]): number | undefined {
  const [before, finest] = scales.slice(-2) as [number, number]
  const few = finest > 2000 && scales.length > 2 && Math.max(height, width) <= (before + finest) / 2
  return few ? scales.length - 2 : undefined
}

/** The most tokens that the language model may get for a look at this picture; with `coverage` and no limit, just one. */
export function mostTokens(plan: LookPlan, connector: Connector): number {
  const { grids, imageSize, budget, looks, tokens, coverage, firstScales, within, exclude } = plan
  if (coverage !== undefined && looks === undefined && tokens === undefined) return 1
  const available = availableIn(grids, imageSize, within, exclude)
  const taken = planLooks({ grids, budget, looks, tokens, firstScales, available })
  const counts = grids.map((_, scale) => taken.reduce((sum, look) => sum + look[scale]!, 0))
  return mostTokensOf(counts, grids, connector)
}

/** The most tokens that the language model may get for so many patches of each scale. */
export function mostTokensOf(
  counts: readonly number[],
  grids: readonly GridSize[],
  connector: Connector,
): number {
  const { block } = connector
  const cells = grids.map((grid, scale) => {
    const count = counts[scale]!
    const { height, width } = connector.tokenGrid(grid)
    const divides = grid.height % block === 0 && grid.width % block === 0
    return Math.min(height * width, divides ? Math.floor(count / block ** 2) : count)
  })
  // Where no block is complete, one token stands in.
  return Math.max(
    1,
    cells.reduce((sum, count) => sum + count, 0),
  )
}

const area = ({ height, width }: GridSize): number => height * width

function availableIn(
  grids: readonly GridSize[],
  imageSize: GridSize,
  within: Region | undefined,
  exclude: Region | undefined,
): number[] | undefined {
  if (!within && !exclude) return undefined
  const inside = within && regionMaps(within, grids, imageSize)
  const outside = exclude && regionMaps(exclude, grids, imageSize)
  return grids.map((grid, scale) => {
    const [allowed, forbidden] = [inside?.[scale], outside?.[scale]]
    let count = 0
    for (let i = 0; i < area(grid); i++) if (allowed?.[i] !== 0 && !forbidden?.[i]) count++
    return count
  })
}

/** @throws ConfigError when the question is to steer but the connector makes no prompts */
export function requirePromptHead(mode: LookMode, connector: Connector): void {
  if (mode === 'after-image' || connector.config.promptHead) return
  throw new ConfigError(
    'this model has no top_down_prompt_head, so that a question cannot steer where it looks: use the mode after-image',
  )
}

/** What is to say where to look; `speaker` names it in the error. */
export function requireDirection(values: Float32Array, speaker: string): void {
  if (values.every(Number.isFinite)) return
  throw new PS3Error(
    'not-finite',
    `${speaker} says nothing about where to look: weights, embeddings or pictures hold values that are not finite`,
  )
}
