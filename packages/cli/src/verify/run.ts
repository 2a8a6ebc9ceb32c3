// Finds every recorded case below a folder, whatever its kind, and replays it.

import { planLooks, splitBudget } from '@ps3js/patch-selector'
import { parseConfig } from '@ps3js/ps3-encoder'
import { departure } from './departures.ts'
import { replayInterpolate } from './interpolate.ts'
import { loadFamily } from './model.ts'
import { replayPreprocess } from './preprocess.ts'
import { type CaseReport, caseReport, compare, failed, type VerifyReport } from './report.ts'
import { replaySizes } from './sizes.ts'
import { below, type FixtureStore, readJson } from './store.ts'
import { replayText, replayTextModel } from './text.ts'
import { replayTokenizers } from './tokenizers.ts'
import { replayVision } from './vision.ts'
import type { VisionCase } from './vision-records.ts'

export interface VerifyOptions {
  /** Only cases whose name holds this text. */
  filter?: string
  onCase?: (report: CaseReport) => void
  signal?: AbortSignal
}

/** How one kind of folder is recognised and replayed. Later kinds are added to `kinds`. */
interface Kind {
  matches: (names: readonly string[], store: FixtureStore) => Promise<boolean> | boolean
  replay: (store: FixtureStore, options: VerifyOptions) => AsyncIterable<CaseReport> | Promise<CaseReport[]>
}

const caseKind = async (store: FixtureStore) => (await readJson<{ kind?: string }>(store, 'case.json')).kind

const kinds: readonly Kind[] = [
  { matches: (names) => names.includes('model/') && names.includes('cases/'), replay: replayFamily },
  {
    matches: async (names, store) => names.includes('case.json') && (await caseKind(store)) === 'interpolate',
    replay: replayInterpolate,
  },
  {
    matches: async (names, store) => names.includes('case.json') && (await caseKind(store)) === 'text',
    replay: async (store) => [await replayTextModel(store, store.location.split('/').pop()!)],
  },
  { matches: (names) => names.includes('cases.json') && names.includes('in/'), replay: replayPreprocess },
  { matches: (names) => names.includes('sizes.json'), replay: replaySizes },
  {
    matches: (names) => names.includes('cases.json') && names.some((name) => name.endsWith('/')),
    replay: replayTokenizers,
  },
]

/** Replays everything below the store. No case at all is a failure: the folder was the wrong one. */
export async function verify(store: FixtureStore, options: VerifyOptions = {}): Promise<VerifyReport> {
  const cases: CaseReport[] = []
  for await (const report of replayAll(store, options)) {
    if (options.filter && !report.name.includes(options.filter)) continue
    options.onCase?.(report)
    cases.push(report)
  }
  if (cases.length === 0) {
    cases.push(
      caseReport('cases', [failed('cases', `no recorded cases that this tool knows in ${store.location}`)]),
    )
    options.onCase?.(cases[0]!)
  }
  return { ok: cases.every((report) => report.ok), cases }
}

async function* replayAll(store: FixtureStore, options: VerifyOptions): AsyncGenerator<CaseReport> {
  options.signal?.throwIfAborted()
  const names = await store.list('')
  for (const kind of kinds) {
    if (!(await kind.matches(names, store))) continue
    try {
      const reports = kind.replay(store, options)
      yield* reports instanceof Promise ? await reports : reports
    } catch (error) {
      options.signal?.throwIfAborted()
      yield caseReport(store.location, [failed('folder', error)])
    }
    return
  }
  for (const name of names) {
    if (!name.endsWith('/')) continue
    const folder = name.slice(0, -1)
    for await (const report of replayAll(below(store, folder), options)) {
      yield { ...report, name: `${folder}/${report.name}` }
    }
  }
}

async function* replayFamily(store: FixtureStore, options: VerifyOptions): AsyncGenerator<CaseReport> {
  const folders = (await store.list('cases'))
    .filter((name) => name.endsWith('/'))
    .map((name) => `cases/${name.slice(0, -1)}`)
  const normalization = await familyNormalization(store, folders)
  const encoder = await loadFamily(store, normalization)
  try {
    for (const folder of folders) {
      options.signal?.throwIfAborted()
      if (options.filter && !folder.includes(options.filter)) continue
      try {
        const recorded = await readJson<VisionCase | { kind: string; name: string }>(
          store,
          `${folder}/case.json`,
        )
        if (recorded.kind === 'vision')
          yield* await replayVision(store, folder, recorded as VisionCase, encoder)
        else if (recorded.kind === 'vision-error') yield await replayRefused(store, recorded as VisionCase)
        else if (recorded.kind === 'text')
          yield await replayText(store, folder, recorded.name, encoder.text_model!)
        else
          yield caseReport(folder, [
            failed('kind', `this tool does not know cases of kind "${recorded.kind}"`),
          ])
      } catch (error) {
        options.signal?.throwIfAborted()
        yield caseReport(folder, [failed('case', error)])
      }
    }
  } finally {
    encoder.dispose()
  }
}

/** All cases of a family share one normalisation; the cases say which. */
async function familyNormalization(store: FixtureStore, folders: readonly string[]) {
  for (const folder of folders) {
    const { inputs } = await readJson<Partial<VisionCase>>(store, `${folder}/case.json`)
    if (inputs) return { mean: inputs.mean, std: inputs.std }
  }
  return { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
}

/** A call that the reference refuses and that works here: the plan must keep the total and come to the first scales first. */
async function replayRefused(store: FixtureStore, recorded: VisionCase): Promise<CaseReport> {
  const trunk = (await store.list('model')).includes('trunk.json')
    ? await readJson(store, 'model/trunk.json')
    : undefined
  const { vision, trunk: dimensions } = parseConfig(await readJson(store, 'model/config.json'), trunk)
  const grids = vision.ps3_scales.slice(1).map((scale) => {
    const side = scale / dimensions.patch_size
    return { height: side, width: side }
  })
  const first = recorded.call.only_select_first_n_scale
  const counts = Array.isArray(first) ? first : [first ?? grids.length]
  const budget = splitBudget(vision.ps3_scales, vision.max_select_num)
  const totals = counts.map((firstScales) => {
    const plan = planLooks({ grids, budget, looks: recorded.call.num_look_close ?? 1, firstScales })
    return plan.flat().reduce((sum, count) => sum + count, 0)
  })
  const reachable = counts.map((n) =>
    grids.slice(0, n).reduce((sum, grid) => sum + grid.height * grid.width, 0),
  )
  const want = counts.map((_, i) => Math.max(Math.min(vision.max_select_num, reachable[i]!), totals[i]!))
  return caseReport(recorded.name, [compare('patches taken', totals, want, 0)], departure('vision', recorded))
}
