// Finds every recorded case below a folder, whatever its kind, and replays it.

import type { PS3Encoder } from '@ps3js/ps3-encoder'
import { ConfigError, TensorScope } from '@ps3js/tensor'
import { replayMergeOrder, replayProjector } from './connector.ts'
import { replayInterpolate } from './interpolate.ts'
import { replayLoss } from './loss.ts'
import type { LossCase } from './loss-records.ts'
import { loadFamily } from './model.ts'
import { replayPreprocess } from './preprocess.ts'
import { replayQwen2 } from './qwen2.ts'
import { type CaseReport, caseReport, failed, type VerifyReport } from './report.ts'
import { replaySchedules } from './schedules.ts'
import { replaySelectionLoss } from './selection-loss.ts'
import { replaySizes } from './sizes.ts'
import { below, type FixtureStore, readJson } from './store.ts'
import { replayText, replayTextModel } from './text.ts'
import { replayTokenizers } from './tokenizers.ts'
import { replayTrainStep } from './train-step.ts'
import { replayVilaHd } from './vila-hd.ts'
import { OWN, RECORDED, replayRefused, replayVision, Views } from './vision.ts'
import type { VisionCase } from './vision-records.ts'

export interface VerifyOptions {
  /** Only cases whose name holds this text. */
  filter?: string
  onCase?: (report: CaseReport) => void
  /** Kinds that only Node can replay. */
  nodeKinds?: readonly Kind[]
  signal?: AbortSignal
}

/** How one kind of folder is recognised and replayed. Later kinds are added to `kinds`. */
export interface Kind {
  matches: (names: readonly string[], store: FixtureStore) => Promise<boolean> | boolean
  replay: (store: FixtureStore, options: ReplayOptions) => AsyncIterable<CaseReport> | Promise<CaseReport[]>
  /** Whether folders below hold cases of their own. */
  goesOn?: boolean
}

interface ReplayOptions {
  signal?: AbortSignal
  /** Whether reports whose names begin like this may have been asked for: what was not need not be computed. */
  wants: (name: string) => boolean
}

export const caseKind = async (store: FixtureStore) =>
  (await readJson<{ kind?: string }>(store, 'case.json')).kind

/** Several losses are recorded under the same kind, each with tensors of its own. */
const isLossOf = (input: string) => async (names: readonly string[], store: FixtureStore) => {
  if (!names.includes('case.json')) return false
  const { kind, tensors = {} } = await readJson<Partial<LossCase>>(store, 'case.json')
  return kind === 'loss' && input in tensors
}

/** Kinds of case.json that say all there is to know. */
const ALONE: Record<string, (store: FixtureStore) => Promise<CaseReport[]>> = {
  qwen2: replayQwen2,
  projector: replayProjector,
  merge_order: replayMergeOrder,
  'vila-hd': replayVilaHd,
}

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
  {
    matches: async (names, store) => names.includes('case.json') && (await caseKind(store)) === 'train_step',
    replay: (store, { wants }) => replayTrainStep(store, wants),
  },
  { matches: isLossOf('image_features'), replay: replayLoss },
  { matches: isLossOf('probs.1'), replay: replaySelectionLoss },
  ...Object.entries(ALONE).map(
    ([kind, replay]): Kind => ({
      matches: async (names, store) => names.includes('case.json') && (await caseKind(store)) === kind,
      replay,
    }),
  ),
  { matches: (names) => names.includes('cases.json') && names.includes('in/'), replay: replayPreprocess },
  { matches: (names) => names.includes('sizes.json'), replay: replaySizes },
  { matches: (names) => names.includes('schedules.json'), replay: replaySchedules, goesOn: true },
  {
    matches: (names) => names.includes('cases.json') && names.some((name) => name.endsWith('/')),
    replay: replayTokenizers,
  },
]

/** What `nodeKinds` are for: left out where they are not given. */
const NODE_ONLY: ReadonlySet<string | undefined> = new Set(['boxes'])

const SUFFIXES = ['', OWN, RECORDED]

/** Replays everything below the store. No case at all is a failure: the folder was the wrong one. */
export async function verify(store: FixtureStore, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { filter = '', onCase, signal, nodeKinds = [] } = options
  const known = [...kinds, ...nodeKinds]
  const cases: CaseReport[] = []
  for await (const report of replayAll(store, '', filter, known, signal)) {
    if (!report.name.includes(filter)) continue
    onCase?.(report)
    cases.push(report)
  }
  if (cases.length === 0) {
    const asked = filter === '' ? '' : ` with "${filter}" in their names`
    const detail = `no recorded cases${asked} that this tool knows in ${store.location}`
    cases.push(caseReport('cases', [failed('cases', detail)]))
    onCase?.(cases[0]!)
  }
  return { ok: cases.every((report) => report.ok), cases }
}

async function* replayAll(
  store: FixtureStore,
  prefix: string,
  filter: string,
  known: readonly Kind[],
  signal: AbortSignal | undefined,
): AsyncGenerator<CaseReport> {
  signal?.throwIfAborted()
  const names = await store.list('')
  try {
    const kind = await kindOf(store, names, known)
    if (kind) {
      const wants = (name: string) => SUFFIXES.some((suffix) => `${prefix}${name}${suffix}`.includes(filter))
      const reports = kind.replay(store, { signal, wants })
      for await (const report of reports instanceof Promise ? await reports : reports) {
        yield { ...report, name: `${prefix}${report.name}` }
      }
      if (!kind.goesOn) return
    }
  } catch (error) {
    signal?.throwIfAborted()
    // Named as the filter was, so that a folder which cannot be read is never filtered away.
    yield caseReport(`${prefix}${filter}`, [failed(store.location, error)])
    return
  }
  for (const name of names) {
    if (!name.endsWith('/')) continue
    yield* replayAll(below(store, name.slice(0, -1)), `${prefix}${name}`, filter, known, signal)
  }
}

async function kindOf(
  store: FixtureStore,
  names: readonly string[],
  known: readonly Kind[],
): Promise<Kind | undefined> {
  for (const kind of known) if (await kind.matches(names, store)) return kind
  const recorded = names.includes('case.json') && (await caseKind(store))
  if (recorded === false || NODE_ONLY.has(recorded)) return undefined
  throw new ConfigError(`this tool does not know cases of kind "${recorded}"`)
}

async function* replayFamily(
  store: FixtureStore,
  { signal, wants }: ReplayOptions,
): AsyncGenerator<CaseReport> {
  const names = (await store.list('cases'))
    .filter((name) => name.endsWith('/'))
    .map((name) => name.slice(0, -1))
  const normalization = await familyNormalization(store, names)
  using scope = new TensorScope()
  const encoder = scope.track(await loadFamily(store, normalization))
  const views = scope.track(new Views(store, encoder))
  for (const name of names) {
    signal?.throwIfAborted()
    if (!wants(name)) continue
    try {
      for (const report of await replayCase(store, `cases/${name}`, encoder, views)) {
        yield { ...report, name: `${name}${report.name}` }
      }
    } catch (error) {
      signal?.throwIfAborted()
      yield caseReport(name, [failed('case', error)])
    }
  }
}

/** One case, as reports whose names are what follows the case's own. */
async function replayCase(
  store: FixtureStore,
  folder: string,
  encoder: PS3Encoder,
  views: Views,
): Promise<CaseReport[]> {
  const recorded = await readJson<VisionCase>(store, `${folder}/case.json`)
  switch (recorded.kind as string) {
    case 'vision':
      return replayVision(store, folder, recorded, encoder, views)
    case 'vision-error':
      return [await replayRefused(store, folder, recorded, encoder, views)]
    case 'text':
      return [await replayText(store, folder, '', encoder.text_model)]
    default:
      throw new ConfigError(`this tool does not know cases of kind "${recorded.kind}"`)
  }
}

/** All cases of a family share one normalisation; the first that says which does. */
async function familyNormalization(store: FixtureStore, names: readonly string[]) {
  for (const name of names) {
    // A case that cannot be read fails by itself, in its turn.
    const { inputs } = await readJson<Partial<VisionCase>>(store, `cases/${name}/case.json`).catch(
      (): Partial<VisionCase> => ({}),
    )
    if (inputs) return { mean: inputs.mean, std: inputs.std }
  }
  return { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
}
