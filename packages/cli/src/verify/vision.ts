// Replays one recorded call of the vision encoder, with our own selection and with the recorded one forced.

import {
  adjustProbabilities,
  countPatches,
  type GridSize,
  type PatchSelection,
  type ProbabilityMap,
  type ProbabilityMaps,
  selectionToMaps,
} from '@ps3js/patch-selector'
import {
  type EncodeOptions,
  type Encoding,
  type LowResView,
  type PS3Encoder,
  regionWeights,
} from '@ps3js/ps3-encoder'
import { dispose, ResourceError, type SafetensorsFile, type Tensor } from '@ps3js/tensor'
import { departure } from './departures.ts'
import { readPictures } from './model.ts'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readTensors, requireWhole } from './store.ts'
import {
  atScale,
  concatenate,
  readCache,
  readRegions,
  readSelections,
  readTensor,
  type VisionCase,
} from './vision-records.ts'

/** Probabilities come out of a sigmoid of a cosine: float32 agrees to a few 1e-7, 1e-5 leaves room for every backend. */
const PROBABILITY_TOLERANCE = 1e-5
/** Features: at least 2e-4, else 20 times what float32 itself lost against float64 in the reference. */
const featureTolerance = (recorded: VisionCase) =>
  Math.max(2e-4, 20 * (recorded.float32_vs_float64?.output_max_abs_diff ?? 0))

/** What follows a case's name in the report of each replay. */
export const OWN = ' (own selection)'
export const RECORDED = ' (recorded selection)'

interface Replay {
  recorded: VisionCase
  tensors: SafetensorsFile
  encoder: PS3Encoder
  view: LowResView
  options: EncodeOptions
  grids: GridSize[]
  /** Selection recorded per look, per picture. */
  recordedLooks: PatchSelection[][]
  regions: ProbabilityMap[] | undefined
}

/** Low-res passes by their pictures: cases of a family share pictures, and no call changes a view. */
export class Views {
  readonly #store: FixtureStore
  readonly #encoder: PS3Encoder
  readonly #views = new Map<string, LowResView>()

  constructor(store: FixtureStore, encoder: PS3Encoder) {
    this.#store = store
    this.#encoder = encoder
  }

  async of(pictures: readonly string[]): Promise<LowResView> {
    const key = JSON.stringify(pictures)
    const known = this.#views.get(key)
    if (known) return known
    const { depth } = this.#encoder.config.trunk
    const hiddenStates = Array.from({ length: depth }, (_, layer) => layer)
    const view = await this.#encoder.lowRes(await readPictures(this.#store, pictures), { hiddenStates })
    this.#views.set(key, view)
    return view
  }

  dispose(): void {
    for (const view of this.#views.values()) view.dispose()
    this.#views.clear()
  }
}

export async function replayVision(
  store: FixtureStore,
  folder: string,
  recorded: VisionCase,
  encoder: PS3Encoder,
  views: Views,
): Promise<CaseReport[]> {
  const tensors = await readTensors(store, `${folder}/tensors.safetensors`)
  requireWhole(recorded, tensors)
  const layers = tensors
    .names()
    .flatMap((name) => (/^hidden\.\d+$/.test(name) ? [Number(name.slice(7))] : []))
  const view = await views.of(recorded.inputs.png)
  const prompt = tensors.has('prompt') ? await readTensor(tensors, 'prompt') : undefined
  try {
    const grids = recorded.grid_each_scale.slice(1).map(([height, width]) => ({ height, width }))
    const regions = await readRegions(store, folder, recorded, tensors, view.batchSize)
    const recordedLooks: PatchSelection[][] = []
    for (let step = 0; tensors.has(`selection.step${step}.scale1`); step++) {
      recordedLooks.push(await readSelections(tensors, `selection.step${step}.scale`, grids, view.batchSize))
    }
    if (recordedLooks.length !== (recorded.steps ?? recordedLooks.length)) {
      throw new ResourceError(
        `${recorded.steps} looks were recorded, but there are selections for ${recordedLooks.length}`,
      )
    }
    const options = {
      ...callOptions(recorded.call, encoder.budget, view.batchSize, regions),
      prompt,
      hiddenStates: layers,
    }
    const replay = { recorded, tensors, encoder, view, options, grids, recordedLooks, regions }
    const own = await replayOwn(replay)
    return recordedLooks.length === 0 ? [own] : [own, await replayForced(replay)]
  } finally {
    prompt?.dispose()
  }
}

/** A call that the reference refuses and that works here: as many patches as asked for, where there are so many. */
export async function replayRefused(
  store: FixtureStore,
  folder: string,
  recorded: VisionCase,
  encoder: PS3Encoder,
  views: Views,
): Promise<CaseReport> {
  const view = await views.of(recorded.inputs.png)
  const hasTensors = (await store.list(folder)).includes('tensors.safetensors')
  const tensors = hasTensors ? await readTensors(store, `${folder}/tensors.safetensors`) : undefined
  const regions = tensors && (await readRegions(store, folder, recorded, tensors, view.batchSize))
  const prompt = tensors?.has('prompt') ? await readTensor(tensors, 'prompt') : undefined
  const options = { ...callOptions(recorded.call, encoder.budget, view.batchSize, regions), prompt }
  try {
    const encoding = await view.encode(options)
    encoding.dispose()
    const grids = view.sizes.slice(1).map((size) => size.grid)
    const outputs = [comparePatchesTaken(encoding, expectedTotal(options, encoder.budget, grids))]
    return caseReport('', outputs, departure('vision', recorded)?.reason)
  } finally {
    prompt?.dispose()
  }
}

/** Our choice: probabilities and selections, and all features too when the selections are the same. */
async function replayOwn(replay: Replay): Promise<CaseReport> {
  const { recorded, view, options } = replay
  const encoding = await view.encode(options)
  try {
    const outputs = [
      ...(await compareProbabilities(replay, encoding)),
      ...(await compareSelections(replay, encoding)),
    ]
    const same = sameLooks(encoding.looks, replay.recordedLooks)
    if (same) outputs.push(...(await compareFeatures(replay, encoding)))
    const departing = departure('vision', recorded)
    const excused = (output: OutputReport) => !output.ok && departing?.outputs?.test(output.name) === true
    if (!departing || !outputs.some(excused)) return caseReport(OWN, outputs)
    const total = expectedTotal(options, replay.encoder.budget, replay.grids)
    const rest = outputs.filter((output) => !excused(output))
    return caseReport(OWN, [...rest, comparePatchesTaken(encoding, total)], departing.reason)
  } finally {
    encoding.dispose()
  }
}

/** The recorded selection: every feature must agree. */
async function replayForced(replay: Replay): Promise<CaseReport> {
  const { view, options, recordedLooks } = replay
  const encoding = await view.encode({ ...options, selections: recordedLooks })
  try {
    const outputs = [...(await compareUnion(replay, encoding)), ...(await compareFeatures(replay, encoding))]
    return caseReport(RECORDED, outputs)
  } finally {
    encoding.dispose()
  }
}

function callOptions(
  call: VisionCase['call'],
  budget: readonly number[],
  batch: number,
  regions: ProbabilityMap[] | undefined,
): EncodeOptions {
  const { smooth_selection_prob: smooth } = call
  const perLook = sum(budget)
  const tokens = call.num_token_look_close ?? undefined
  const perRegion = regions?.map((groundTruth) => ({ groundTruth }))
  // Pooling is for training: one look, whatever else the call says, of fewer tokens where it asks for fewer.
  if (call.output_hidden_states === false) {
    const few = typeof tokens === 'number' && tokens <= perLook ? { tokens } : { looks: 1 }
    return { ...few, smooth, perSample: perRegion }
  }
  const first = call.only_select_first_n_scale ?? undefined
  const firstScales = Array.isArray(first) ? first : Array.from({ length: batch }, () => first)
  return {
    looks: tokens === undefined ? (call.num_look_close ?? 1) : undefined,
    tokens,
    smooth,
    perSample: firstScales.map((n, i) => ({ ...perRegion?.[i], firstScales: n })),
  }
}

async function compareProbabilities(
  { tensors, grids, options }: Replay,
  encoding: Encoding,
): Promise<OutputReport[]> {
  const { bottomUp, topDown } = encoding.probabilities
  const sources: Record<string, readonly ProbabilityMaps[] | null> = {
    select_probs:
      encoding.selectionProbabilities ??
      (topDown ?? bottomUp).map((probabilities, i) =>
        adjustProbabilities({ ...options, ...options.perSample?.[i], probabilities, grids }),
      ),
    bottomup_probs: bottomUp,
    topdown_probs: topDown,
  }
  const outputs: OutputReport[] = []
  for (const name of tensors.names()) {
    const [, kind, scale] = /^(select|bottomup|topdown)_probs\.(\d+)$/.exec(name) ?? []
    if (!kind) continue
    const maps = sources[`${kind}_probs`]
    const index = Number(scale) - 1
    const got = maps ? concatenate(maps.map((map) => atScale(map, index, grids[index]!).data)) : []
    outputs.push(compare(name, got, await tensors.readFloat32(name), PROBABILITY_TOLERANCE))
  }
  return outputs
}

async function compareSelections(replay: Replay, encoding: Encoding): Promise<OutputReport[]> {
  const { recorded, recordedLooks, grids } = replay
  const outputs: OutputReport[] = []
  if (encoding.looks.length !== recordedLooks.length) {
    outputs.push(
      failed('looks', `${encoding.looks.length} looks where ${recordedLooks.length} were recorded`),
    )
  }
  recordedLooks.forEach((look, step) => {
    grids.forEach((grid, i) => {
      const name = `selection.step${step}.scale${i + 1}`
      const pick = (selections: readonly PatchSelection[] | undefined) =>
        (selections ?? []).map((selection) => selection.indices[i]!)
      const got = pick(encoding.looks[step])
      outputs.push(
        recorded.tie_rule === 'rowmajor'
          ? compare(name, concatenate(got), concatenate(pick(look)), 0)
          : compareTaken(name, got, pick(look), encoding.selectionProbabilities!, i, grid),
      )
    })
  })
  if (recorded.tie_rule === 'rowmajor') outputs.push(...(await compareUnion(replay, encoding)))
  return outputs
}

/** Among equal probabilities the reference's order is arbitrary: what counts is which probabilities were taken. */
function compareTaken(
  name: string,
  got: Int32Array[],
  want: readonly Int32Array[],
  probabilities: readonly ProbabilityMaps[],
  scale: number,
  grid: GridSize,
): OutputReport {
  const values = (selections: readonly Int32Array[]) =>
    concatenate(
      selections.map((indices, sample) => {
        const map = atScale(probabilities[sample]!, scale, grid)
        return Float32Array.from(indices, (index) => map.data[index]!).sort()
      }),
    )
  return compare(`${name} (probabilities taken)`, values(got), values(want), PROBABILITY_TOLERANCE)
}

async function compareUnion({ tensors, grids }: Replay, encoding: Encoding): Promise<OutputReport[]> {
  const outputs: OutputReport[] = []
  for (const [i] of grids.entries()) {
    const name = `selection_maps.${i + 1}`
    if (!tensors.has(name)) continue
    const got = concatenate(encoding.selections.map((selection) => selectionToMaps(selection, grids)[i]!))
    outputs.push(compare(name, got, await tensors.readFloat32(name), 0))
  }
  return outputs
}

/** Every other recorded tensor that is an output. A name that is not known counts as missing. */
async function compareFeatures(replay: Replay, encoding: Encoding): Promise<OutputReport[]> {
  const { tensors, recorded } = replay
  const tolerance = featureTolerance(recorded)
  const pooled = await pooledOutputs(replay)
  const featureMaps = tensors.names().some((name) => name.startsWith('feature_map.'))
    ? encoding.featureMaps()
    : []
  const outputs: OutputReport[] = []
  try {
    for (const name of tensors.names()) {
      if (
        /^(prompt|gt_selection_maps|is_global_text|select_probs\.|bottomup_probs\.|topdown_probs\.|selection)/.test(
          name,
        )
      )
        continue
      const [, kind, index] = /^(hidden|feature_map)\.(\d+)$/.exec(name) ?? []
      const want = await tensors.readFloat32(name)
      const read = async (x: Tensor | undefined) => (x ? ((await x.data()) as Float32Array) : [])
      if (name === 'last_hidden_state')
        outputs.push(compare(name, await read(encoding.tokens), want, tolerance))
      else if (kind === 'hidden') {
        outputs.push(compare(name, await read(encoding.hiddenStates.get(Number(index))), want, tolerance))
      } else if (kind === 'feature_map') {
        outputs.push(compare(name, await read(featureMaps[Number(index)]), want, tolerance))
      } else if (name === 'kv_cache') {
        outputs.push(
          compare(name, await readCache(replay.view, replay.encoder.config.trunk), want, tolerance),
        )
      } else if (name in pooled) outputs.push(compare(name, pooled[name]!, want, tolerance))
      else outputs.push(failed(name, 'this tool does not know how to make this output'))
    }
  } finally {
    dispose(featureMaps)
  }
  return outputs
}

/** Pooled features, and which tokens they were pooled from, of a look with the recorded selection. */
async function pooledOutputs({ tensors, view, options, recorded, recordedLooks, regions }: Replay) {
  const outputs: Record<string, Float32Array> = {}
  const wanted = ['low_res_pooled', 'high_res_pooled', 'pooled_output', 'pool_mask'].filter((name) =>
    tensors.has(name),
  )
  if (wanted.length === 0) return outputs
  const take = async (name: string, make: () => Tensor) => {
    const x = make()
    outputs[name] = (await x.data()) as Float32Array
    x.dispose()
  }
  await take('low_res_pooled', () => view.poolLowRes())
  if (wanted.every((name) => name === 'low_res_pooled')) return outputs
  const isGlobalText = tensors.has('is_global_text')
    ? [...(await tensors.readFloat32('is_global_text'))].map(Boolean)
    : undefined
  const inside = recorded.call.pool_gt_token_only ? regions : undefined
  for await (const look of view.looks({ ...options, selections: recordedLooks, hiddenStates: [] })) {
    await take('high_res_pooled', () => view.pool(look, { regions: inside }))
    await take('pooled_output', () => view.pool(look, { regions: inside, isGlobalText }))
    if (inside) {
      const weights = look.selections.map((selection, i) => regionWeights(inside[i]!, selection, view.sizes))
      outputs.pool_mask = concatenate(weights.map((row) => (row.every((w) => w === 0) ? row.fill(1) : row)))
    }
    look.tokens.dispose()
  }
  return outputs
}

/**
 * How many patches of each picture a call takes: a token count or 'all' as far as the first scales asked for go; looks
 * are always full, and go on to later scales where the first ones run out.
 */
function expectedTotal(
  { looks = 1, tokens, perSample = [{}] }: EncodeOptions,
  budget: readonly number[],
  grids: readonly GridSize[],
): number {
  const patches = grids.map((grid) => grid.height * grid.width)
  const reach = Math.max(...perSample.map((sample) => sample.firstScales ?? grids.length))
  const reachable = sum(patches.slice(0, reach))
  if (tokens === 'all' || looks === 'all') return reachable
  if (tokens !== undefined) return Math.min(tokens, reachable)
  const perLook = sum(budget)
  return Math.min(Math.min(looks, Math.ceil(reachable / perLook)) * perLook, sum(patches))
}

function comparePatchesTaken(encoding: Encoding, total: number): OutputReport {
  const taken = encoding.selections.map(countPatches)
  return compare(
    'patches taken',
    taken,
    taken.map(() => total),
    0,
  )
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)

function sameLooks(
  a: readonly (readonly PatchSelection[])[],
  b: readonly (readonly PatchSelection[])[],
): boolean {
  const flat = (looks: typeof a) =>
    JSON.stringify(looks.map((look) => look.map((s) => s.indices.map((ids) => [...ids]))))
  return flat(a) === flat(b)
}
