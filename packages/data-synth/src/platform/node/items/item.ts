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

/** A colour for an object of a kind. `except`: colours that would vanish on what lies behind. */
export function pickColor(stage: Stage, kind: string, except: readonly ColorName[] = []): ColorName {
  const colors = colorsOf(kind, stage.split, except)
  // Only held-out objects, of two colours, may find both excepted.
  return pick(stage.random, colors.length > 0 ? colors : colorsOf(kind, stage.split))
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
