// Replays recorded sizes and budgets: pure numbers, no model.

import { allotPatches, firstScalesBudget, scaleBudget, splitBudget } from '@ps3js/patch-selector'
import { gridSizes } from '@ps3js/ps3-encoder'
import { departure } from './departures.ts'
import { type CaseReport, caseReport, compareExactly } from './report.ts'
import { type FixtureStore, readJson } from './store.ts'

interface SizesFile {
  split: { scales: number[]; max_select_num: number; each_scale: number[] }[]
  grids: {
    scales: number[]
    patch: number
    input_hw: [number, number]
    image: [number, number][]
    grid: [number, number][]
    max_highres_tokens: number
  }[]
  square_inputs_that_lose_a_patch: Record<string, number[]>
  taken_by_rule: TakenCase[]
}

interface TakenCase {
  scales: number[]
  max_select_num: number
  num_select_token: number | null
  only_select_first_n_scale: number | null
  already_selected: number[] | null
  taken?: number[]
  error?: string
}

/** The largest side that the recorded list was made for. */
const SQUARE_LIMIT = 4200

export async function replaySizes(store: FixtureStore): Promise<CaseReport[]> {
  const sizes = await readJson<SizesFile>(store, 'sizes.json')
  const reports: CaseReport[] = []
  sizes.split.forEach(({ scales, max_select_num, each_scale }) => {
    const got = splitBudget(scales, max_select_num)
    reports.push(
      caseReport(`split ${max_select_num} over ${scales}`, [compareExactly('budget', got, each_scale)]),
    )
  })
  for (const { scales, patch, input_hw, image, grid, max_highres_tokens } of sizes.grids) {
    const got = gridSizes(scales, patch, ...input_hw)
    const pairs = (part: 'image' | 'grid') => got.map((size) => [size[part].height, size[part].width])
    const tokens = got.slice(1).reduce((sum, size) => sum + size.grid.height * size.grid.width, 0)
    reports.push(
      caseReport(`grid of ${input_hw} at ${scales}`, [
        compareExactly('image', pairs('image'), image),
        compareExactly('grid', pairs('grid'), grid),
        compareExactly('max_highres_tokens', tokens, max_highres_tokens),
      ]),
    )
  }
  for (const [base, want] of Object.entries(sizes.square_inputs_that_lose_a_patch)) {
    reports.push(
      caseReport(`squares that lose a patch at ${base}`, [
        compareExactly('sides', losing(Number(base)), want),
      ]),
    )
  }
  sizes.taken_by_rule.forEach((recorded, i) => {
    reports.push(replayTaken(recorded, i))
  })
  return reports
}

function losing(base: number): number[] {
  const patch = base % 14 === 0 ? 14 : 16
  const sides: number[] = []
  for (let side = 1; side < SQUARE_LIMIT; side++) {
    const { grid } = gridSizes([base, 2 * base], patch, side, side)[1]!
    if (grid.height !== grid.width) sides.push(side)
  }
  return sides
}

function replayTaken(recorded: TakenCase, index: number): CaseReport {
  const {
    scales,
    max_select_num,
    num_select_token,
    only_select_first_n_scale: first,
    already_selected,
    taken,
  } = recorded
  const patch = scales[0]! % 14 === 0 ? 14 : 16
  const grids = scales.slice(1).map((scale) => ({ height: scale / patch, width: scale / patch }))
  const available = grids.map((grid, i) => grid.height * grid.width - (already_selected?.[i] ?? 0))
  const total = num_select_token ?? max_select_num
  const scaled = scaleBudget(splitBudget(scales, max_select_num), total)
  const budget = first === null ? scaled : firstScalesBudget(scaled, first)
  const name = `taken ${index}: ${total} of ${available}, first ${first ?? 'all'} scales`
  const report = caseReport(name, [compareExactly('taken', allotPatches(budget, available, 'later'), taken)])
  if (report.ok) return report
  const reason = departure('sizes', { call: { only_select_first_n_scale: first } })?.reason
  if (!reason) return report
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)
  const kept = sum(allotPatches(budget, available))
  return caseReport(name, [compareExactly('total taken', kept, Math.min(total, sum(available)))], reason)
}
