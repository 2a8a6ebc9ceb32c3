// Replays recorded connectors of VILA-HD: projectors and prompt heads alone, and their part in recorded two-pass answers.

import type { PatchSelection } from '@ps3js/patch-selector'
import {
  ConfigError,
  reshape,
  type StateSource,
  slice,
  type Tensor,
  TensorScope,
  tensor,
  tensorData,
  zeros,
} from '@ps3js/tensor'
import { Connector, connectorConfigOf, mergeBlocks } from '@ps3js/vila-hd-connector'
import { loadFamily, readPictures } from './model.ts'
import { weightsOf } from './qwen2.ts'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson, readTensors } from './store.ts'
import { readSelections, readTensor } from './vision-records.ts'

/** Values of order 1 to 10 in float32: this leaves room for every backend. */
const TOLERANCE = 2e-4

interface ProjectorCase {
  mm_projector_type: string
  mm_hidden_size: number
  hidden_size: number
}

interface HdCase {
  mm_projector_type: string
  mm_vision_select_layer: number
  scales: number[]
  low_res_llm_tokens: number
  high_res_llm_tokens: number
  image_token_id: number
  inputs: { png: string[]; mean: number[]; std: number[] }
}

const nameOf = (store: FixtureStore) => store.location.split('/').pop()!

export async function replayProjector(store: FixtureStore): Promise<CaseReport[]> {
  const recorded = await readJson<ProjectorCase>(store, 'case.json')
  const tensors = await readTensors(store, 'tensors.safetensors')
  const weights: StateSource = {
    names: () => tensors.names().flatMap((name) => (name.startsWith('w.') ? [name.slice(2)] : [])),
    shape: (name) => tensors.info(`w.${name}`).shape,
    read: (name) => tensors.readFloat32(`w.${name}`),
  }
  const { mm_projector_type: projectorType, mm_hidden_size: visionWidth } = recorded
  // The reference's identity ignores the language model's width.
  const hiddenSize = projectorType === 'identity' ? visionWidth : recorded.hidden_size
  const config = connectorConfigOf(weights, { projectorType, visionWidth, hiddenSize })
  using scope = new TensorScope()
  // Projector and positions are recorded by themselves.
  const projector = scope.track(new Connector({ ...config, positionGrid: null, numScales: 0 }))
  await projector.loadStateDict(weights, { ignore: (name) => name.startsWith('high_res_') })
  const positions = scope.track(
    new Connector({
      ...config,
      projectorType: 'identity',
      visionWidth: hiddenSize,
      promptHead: null,
      numScales: 0,
    }),
  )
  await positions.loadStateDict(weights, { ignore: (name) => name !== 'high_res_pos_embed' })

  const made = async (name: string): Promise<Tensor | null> => {
    const [kind, detail] = name.split('.')
    const side = Number(detail)
    const grid = { height: side, width: side }
    if (kind === 'out') {
      const input = scope.track(await readTensor(tensors, `in.${side}`))
      return scope.run(() => projector.lowRes(input, grid))
    }
    if (kind === 'pos_embed_area') {
      return scope.run(() => positions.lowRes(zeros([1, side * side, hiddenSize]), grid))
    }
    if (name !== 'prompt_head.out') return null
    const states = scope.track(await readTensor(tensors, 'prompt_head.in'))
    return scope.run(() => projector.prompt(states))
  }
  const outputs: OutputReport[] = []
  for (const name of tensors.names()) {
    if (/^(w\.|in\.|prompt_head\.in$)/.test(name)) continue
    const got = await made(name)
    if (!got) outputs.push(failed(name, 'this tool does not know how to make this output'))
    else outputs.push(compare(name, await tensorData(got), await tensors.readFloat32(name), TOLERANCE))
  }
  return [caseReport(nameOf(store), outputs)]
}

/** In which order the patches of a block lie side by side. */
export async function replayMergeOrder(store: FixtureStore): Promise<CaseReport[]> {
  const blocks: Record<string, number> = {
    DownSampleBlock: 2,
    DownSample2x2BlockFix: 2,
    DownSample3x3BlockFix: 3,
  }
  const tensors = await readTensors(store, 'tensors.safetensors')
  using scope = new TensorScope()
  const outputs: OutputReport[] = []
  for (const name of tensors.names()) {
    const [kind = '', side] = name.split('.')
    if (kind === 'in') continue
    const block = blocks[kind]
    if (!block) {
      outputs.push(failed(name, 'this tool does not know this block'))
      continue
    }
    const input = scope.track(await readTensor(tensors, `in.${side}`))
    const grid = { height: Number(side), width: Number(side) }
    const got = await tensorData(scope.run(() => mergeBlocks(input, grid, block)))
    outputs.push(compare(name, got, await tensors.readFloat32(name), 0))
  }
  return [caseReport(nameOf(store), outputs)]
}

/** The connector's part in a recorded answer: low-res and high-res tokens in the model's input, and the prompt. */
export async function replayHdConnector(store: FixtureStore): Promise<CaseReport[]> {
  const recorded = await readJson<HdCase>(store, 'case.json')
  const tensors = await readTensors(store, 'tensors.safetensors')
  using scope = new TensorScope()
  const { mean, std, png } = recorded.inputs
  const encoder = scope.track(await loadFamily(store, { mean, std }, 'vision_tower'))
  const weights = await weightsOf(store, 'mm_projector')
  const { vision, trunk } = encoder.config
  const { hidden_size: hiddenSize } = await readJson<{ hidden_size: number }>(store, 'llm/config.json')
  const visionWidth = vision.hidden_size
  const known = { projectorType: recorded.mm_projector_type, visionWidth, hiddenSize }
  const connector = scope.track(new Connector(connectorConfigOf(weights, known)))
  await connector.loadStateDict(weights)

  const sides = recorded.scales.map((scale) => scale / trunk.patch_size)
  const grids = sides.map((side) => ({ height: side, width: side }))
  const looks: PatchSelection[][] = []
  for (let step = 0; tensors.has(`selection.step${step}.scale1`); step++) {
    looks.push(await readSelections(tensors, `selection.step${step}.scale`, grids.slice(1), 1))
  }
  const layer = trunk.depth + recorded.mm_vision_select_layer
  const ids = await tensors.readFloat32('input_ids')
  const imageAt = ids.indexOf(recorded.image_token_id)
  if (imageAt < 0) throw new ConfigError(`input_ids hold no image token ${recorded.image_token_id}`)

  const options = { selections: looks.length > 0 ? looks : undefined, hiddenStates: [layer] }
  const encoding = scope.track(await encoder.encode(await readPictures(store, png), options))
  const states = encoding.hiddenStates.get(layer)!
  const lowCount = sides[0]! ** 2
  const low = scope.run(() => connector.lowRes(slice(states, [0, 0, 0], [1, lowCount, -1]), grids[0]!))
  const features = scope.run(() => reshape(slice(states, [0, lowCount, 0], [1, -1, -1]), [-1, visionWidth]))
  const { indices } = encoding.selections[0]!
  const high = scope.track(connector.highRes(features, { grids: grids.slice(1), indices }, low).tokens)

  const outputs: OutputReport[] = []
  // The picture's tokens lie where its placeholder was: low-res ones alone at first, then all.
  for (const [pass, parts] of [
    ['pass1', [low]],
    ['pass2', [low, high]],
  ] as const) {
    const name = `${pass}.inputs_embeds`
    if (!tensors.has(name)) continue
    const got = (await Promise.all(parts.map((part) => tensorData(part)))).flatMap((part) => [...part])
    const want = await tensors.readFloat32(name)
    const from = imageAt * hiddenSize
    outputs.push(compare(`${name}, picture`, got, want.subarray(from, from + got.length), TOLERANCE))
  }
  if (looks.length > 0) {
    const { low_res_llm_tokens, high_res_llm_tokens } = recorded
    const counts = [low.shape[1]!, high.shape[0]!]
    outputs.push(compare('tokens', counts, [low_res_llm_tokens, high_res_llm_tokens], 0))
  }
  if (tensors.has('top_down_prompt')) {
    const name = 'pass1.last_hidden_state'
    const [, rows, width] = tensors.info(name).shape as [number, number, number]
    const last = (await tensors.readFloat32(name)).slice((rows - 1) * width)
    const prompt = scope.run(() => connector.prompt(tensor(last, [1, width])))
    const want = await tensors.readFloat32('top_down_prompt')
    outputs.push(compare('top_down_prompt', await tensorData(prompt), want, TOLERANCE))
  }
  return [caseReport(`${nameOf(store)} (connector)`, outputs)]
}
