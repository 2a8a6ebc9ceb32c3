// A thing of one colour without writing: how it is painted, and how wide it is for its height.
import { type ColorName, type Rgb, shadeOf } from '../../../colors.ts'
import { colorsOf, pick } from '../../../splits.ts'
import type { Box } from '../../../types.ts'
import type { Context } from '../brush.ts'
import type { AddOptions, Area, Stage } from '../stage.ts'

export interface Item {
  kind: string
  /** Width over height. */
  aspect: number
  paint: (ctx: Context, area: Area, color: Rgb) => void
}

/**
 * A colour for an object of a kind.
 * @param except colours that would vanish on what lies behind
 * @param used colours that come again only when there are no others
 */
export function pickColor(
  { random, split }: Stage,
  kind: string,
  except: readonly ColorName[] = [],
  used: readonly ColorName[] = [],
): ColorName {
  // Held-out objects have two colours, which may both be excepted.
  const choices = [[...except, ...used], except, []].map((without) => colorsOf(kind, split, without))
  return pick(random, choices.find((colors) => colors.length > 0)!)
}

/** Adds an item that fills the area. `except`: colours that would vanish on what lies behind. */
export function addItem(
  stage: Stage,
  item: Item,
  area: Area,
  { except, ...options }: AddOptions & { except?: readonly ColorName[] } = {},
): Box | null {
  const color = pickColor(stage, item.kind, except)
  const shade = shadeOf(stage.random, color)
  return stage.add(area, { kind: item.kind, color }, (ctx) => item.paint(ctx, area, shade), options)
}
