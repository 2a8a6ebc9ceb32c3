// Replays recorded two-pass answers of VILA-HD: what the language model reads in both passes, where it looks, what it says.
// Once through the synchronous parts that training uses, which give every recorded tensor, and once as answers are given.

import { parseLanguageModelConfig, Qwen2 } from '@ps3js/language-model'
import {
  adjustProbabilities,
  type PatchSelection,
  selectionToMaps,
  unionSelections,
} from '@ps3js/patch-selector'
import { PictureBatch, type RgbImage } from '@ps3js/ps3-encoder'
import {
  reshape,
  type SafetensorsFile,
  slice,
  type Tensor,
  TensorScope,
  tensorData,
  tidy,
} from '@ps3js/tensor'
import {
  buildSequence,
  highResFeatures,
  lowResFeatures,
  type PictureLook,
  type PictureLookOptions,
  PictureReader,
  questionRange,
  VilaHd,
} from '@ps3js/vila-hd'
import { Connector, connectorConfigOf } from '@ps3js/vila-hd-connector'
import { loadFamily, readPictures } from './model.ts'
import { logitsAlong, weightsOf } from './qwen2.ts'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson, readTensors, requireWhole } from './store.ts'
import { atScale, readSelections } from './vision-records.ts'

/** Logits and states of order 1 to 20 in float32: the recorded noise is near 1e-5, and this leaves room for every backend. */
const TOLERANCE = 2e-4
/** Probabilities come out of a sigmoid of a cosine, here with a prompt that went through two models. */
const PROBABILITY_TOLERANCE = 2e-5

interface HdCase {
  mm_projector_type: string
  mm_vision_select_layer?: number
  look_close_mode?: 'after_prompt' | 'after_image'
  /** Set where the reference cannot answer. */
  num_look_close?: number
  knobs?: { num_look_close?: number; num_token_look_close?: number; smooth?: boolean }
  low_res_llm_tokens?: number
  high_res_llm_tokens?: number
  image_token_id: number
  newline_token_id: number
  user_prompt_end_ids: number[]
  inputs: { png: string[]; mean: number[]; std: number[] }
  tensors: Record<string, { shape: number[] }>
}

interface Replay {
  recorded: HdCase
  tensors: SafetensorsFile
  model: VilaHd
  ids: number[]
  image: RgbImage
  look: PictureLookOptions
  scope: TensorScope
}

export async function replayVilaHd(store: FixtureStore): Promise<CaseReport[]> {
  const recorded = await readJson<HdCase>(store, 'case.json')
  const tensors = await readTensors(store, 'tensors.safetensors')
  requireWhole(recorded, tensors)
  using scope = new TensorScope()
  const model = await loadRecorded(store, recorded, scope)
  const [image] = await readPictures(store, recorded.inputs.png)
  const ids = [...(await tensors.readFloat32('input_ids'))]
  const {
    num_look_close: looks = recorded.num_look_close,
    num_token_look_close: tokens,
    smooth,
  } = recorded.knobs ?? {}
  const look = tokens === undefined ? { looks, smooth } : { tokens, smooth }
  const replay: Replay = { recorded, tensors, model, ids, image: image!, look, scope }
  const name = store.location.split('/').pop()!
  const answered = await answer(replay)
  const outputs = [
    ...(await compareAnswer(replay, answered)),
    ...(await compareParts(replay, answered.looked)),
  ]
  const known = new Set(['input_ids', ...outputs.map((output) => output.name)])
  const unknown = tensors.names().filter((tensor) => !known.has(tensor))
  outputs.push(...unknown.map((tensor) => failed(tensor, 'this tool does not know how to make this output')))
  const departs =
    looks === 0 ? 'the reference raises without a look; here the low-res tokens answer' : undefined
  return [caseReport(name, outputs, departs)]
}

async function loadRecorded(store: FixtureStore, recorded: HdCase, scope: TensorScope): Promise<VilaHd> {
  const { mean, std } = recorded.inputs
  const vision_tower = scope.track(await loadFamily(store, { mean, std }, 'vision_tower'))
  const llm = scope.track(new Qwen2(parseLanguageModelConfig(await readJson(store, 'llm/config.json'))))
  await llm.loadStateDict(await weightsOf(store, 'llm'))
  const weights = await weightsOf(store, 'mm_projector')
  const known = {
    projectorType: recorded.mm_projector_type,
    visionWidth: vision_tower.config.trunk.width,
    hiddenSize: llm.config.hiddenSize,
  }
  const mm_projector = scope.track(new Connector(connectorConfigOf(weights, known)))
  await mm_projector.loadStateDict(weights)
  return new VilaHd(
    { vision_tower, llm, mm_projector },
    {
      selectLayer: recorded.mm_vision_select_layer ?? -2,
      imageTokenId: recorded.image_token_id,
      pictureEndIds: [recorded.newline_token_id],
      promptEndIds: recorded.user_prompt_end_ids,
      promptState: 'last',
      lookMode: recorded.look_close_mode === 'after_image' ? 'after-image' : 'after-prompt',
      looks: 1,
      tokens: null,
      dynamicAspectRatio: false,
    },
  )
}

interface Answered {
  ids: number[]
  looked: PictureLook | undefined
}

/** As answers are given: greedily, the second pass going on from what the first has read. */
async function answer({ model, ids, image, look, recorded: { tensors } }: Replay): Promise<Answered> {
  using reader = new PictureReader(model)
  let looked: PictureLook | undefined
  const given: number[] = []
  const options = {
    look,
    maxTokens: tensors.greedy_ids?.shape[1] ?? 4,
    onLooks: ([first]: readonly PictureLook[]) => {
      looked = first
    },
  }
  for await (const { id } of reader.answer({ ids, pictures: [{ image }] }, options)) given.push(id)
  return { ids: given, looked }
}

async function compareAnswer(
  { tensors, recorded, model, ids, image, scope }: Replay,
  answered: Answered,
): Promise<OutputReport[]> {
  if (tensors.has('greedy_ids')) {
    return [compare('greedy_ids', answered.ids, await tensors.readFloat32('greedy_ids'), 0)]
  }
  // What the reference does not answer: the low-res tokens alone must give the same, read at once.
  const low = scope.run(() => lowTokens(model, pictureOf(model, image)).low)
  const segments = buildSequence(ids, { imageTokenId: recorded.image_token_id, pictures: 1 })
  const rows = scope.run(() => model.embedSequence(segments, [{ low, high: null }]))
  const logits = await logitsAlong(model.llm, rows, answered.ids)
  const vocabulary = model.llm.config.vocabSize
  const best = answered.ids.map((_, i) => {
    const scores = logits.slice(i * vocabulary, (i + 1) * vocabulary)
    return scores.indexOf(Math.max(...scores))
  })
  return [compare('answer from low-res tokens', answered.ids, best, 0)]
}

const pictureOf = ({ vision_tower: { config, normalization } }: VilaHd, image: RgbImage): PictureBatch =>
  new PictureBatch([image], config.vision.ps3_scales, config.trunk.patch_size, normalization)

function lowTokens(model: VilaHd, pictures: PictureBatch) {
  const made = lowResFeatures(model.vision_tower, pictures, model.featureLayer)
  const low = tidy(() => {
    const tokens = model.mm_projector.lowRes(made.features, pictures.sizes[0]!.grid)
    return reshape(tokens, tokens.shape.slice(1))
  })
  return { ...made, low }
}

/** Every recorded tensor, through the synchronous parts. */
async function compareParts(
  { tensors, recorded, model, ids, image, look, scope }: Replay,
  looked: PictureLook | undefined,
): Promise<OutputReport[]> {
  const { llm, mm_projector, vision_tower, config } = model
  const outputs: OutputReport[] = []
  const check = async (name: string, made: Tensor, tolerance = TOLERANCE) => {
    if (!tensors.has(name)) return
    outputs.push(compare(name, await tensorData(made), await tensors.readFloat32(name), tolerance))
  }
  const pictures = pictureOf(model, image)
  const seen = scope.track(lowTokens(model, pictures))
  const tags = { imageTokenId: config.imageTokenId, pictures: 1 }
  let prompt: Tensor | undefined
  if (config.lookMode === 'after-prompt') {
    const question = buildSequence(ids.slice(0, questionRange(ids, config)[1]), tags)
    const rows = scope.run(() => model.embedSequence(question, [{ low: seen.low, high: null }]))
    await check('pass1.inputs_embeds', rows)
    const states = scope.run(() => llm.forward(rows, [{ length: rows.shape[0]! }]).last)
    await check('pass1.last_hidden_state', states)
    prompt = scope.run(() => mm_projector.prompt(slice(states, [states.shape[0]! - 1, 0], [1, -1])))
    await check('top_down_prompt', prompt)
  }
  if (look.looks === 0) return outputs

  const grids = pictures.sizes.slice(1).map(({ grid }) => grid)
  const map = scope.run(() => vision_tower.vision_model.selector.probabilities(seen.selection, prompt))
  const [, height, width] = map.shape as [number, number, number]
  const data = (await tensorData(map)) as Float32Array
  const probabilities = adjustProbabilities({
    probabilities: { height, width, data },
    grids,
    smooth: look.smooth,
  })
  for (const [i, grid] of grids.entries()) {
    const name = `select_probs.${i + 1}`
    const got = atScale(probabilities, i, grid).data
    outputs.push(compare(name, got, await tensors.readFloat32(name), PROBABILITY_TOLERANCE))
  }

  const recordedLooks: PatchSelection[] = []
  for (let step = 0; tensors.has(`selection.step${step}.scale1`); step++) {
    recordedLooks.push(...(await readSelections(tensors, `selection.step${step}.scale`, grids, 1)))
    const own = looked?.looks[step]
    const got = own && selectionToMaps(own, grids)
    for (const [i] of grids.entries()) {
      const name = `selection.step${step}.scale${i + 1}`
      outputs.push(compare(name, got?.[i] ?? [], await tensors.readFloat32(name), 0))
    }
  }

  const selection = unionSelections(recordedLooks, grids)
  const features = scope.run(() => {
    const looks = recordedLooks.map((one) => [one])
    const all = highResFeatures(vision_tower, pictures, looks, seen.keysValues, model.featureLayer)
    return reshape(all, all.shape.slice(1))
  })
  const patches = { grids, indices: selection.indices }
  const { tokens: high } = scope.track(
    mm_projector.highRes(
      features,
      patches,
      scope.run(() => reshape(seen.low, [1, ...seen.low.shape])),
    ),
  )
  const counts = [seen.low.shape[0]!, high.shape[0]!, looked?.looks.length ?? 0]
  const { low_res_llm_tokens = 0, high_res_llm_tokens = 0 } = recorded
  outputs.push(
    compare('tokens and looks', counts, [low_res_llm_tokens, high_res_llm_tokens, recordedLooks.length], 0),
  )
  const rows = scope.run(() => model.embedSequence(buildSequence(ids, tags), [{ low: seen.low, high }]))
  await check('pass2.inputs_embeds', rows)
  await check(
    'pass2.logits',
    scope.run(() => llm.logits(llm.forward(rows, [{ length: rows.shape[0]! }]).last)),
  )
  const name = 'greedy_logits'
  const along = await logitsAlong(llm, rows, [...(await tensors.readFloat32('greedy_ids'))])
  outputs.push(compare(name, along, await tensors.readFloat32(name), TOLERANCE))
  return outputs
}
