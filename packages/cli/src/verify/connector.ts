// Replays recorded connectors of VILA-HD: projectors and prompt heads.

import { type StateSource, type Tensor, TensorScope, tensorData, zeros } from '@ps3js/tensor'
import { Connector, connectorConfigOf, mergeBlocks } from '@ps3js/vila-hd-connector'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson, readTensors } from './store.ts'
import { readTensor } from './vision-records.ts'

/** Values of order 1 to 10 in float32: this leaves room for every backend. */
const TOLERANCE = 2e-4

interface ProjectorCase {
  mm_projector_type: string
  mm_hidden_size: number
  hidden_size: number
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
