// Replays recorded outputs of a Qwen2 language model: hidden states, logits, greedy ids with a cache, loss and gradients.

import {
  generate,
  KeyValueCache,
  nextTokenLoss,
  type Prompt,
  parseLanguageModelConfig,
  prefill,
  Qwen2,
} from '@ps3js/language-model'
import {
  bytesSource,
  dispose,
  openSafetensors,
  ResourceError,
  type SafetensorsFile,
  type StateSource,
  Tape,
  type Tensor,
  TensorScope,
  tensorData,
} from '@ps3js/tensor'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson, readTensors, requireWhole } from './store.ts'

/** Values up to 20 in float32: the recorded noise is near 1e-5, and this leaves room for every backend. */
const TOLERANCE = 2e-4
/** Some states of trained models are a thousand times as large as all others; float32's noise grows with them. */
const toleranceFor = (want: Float32Array) =>
  want.reduce((most, value) => Math.max(most, Math.abs(value) / 20), 1) * TOLERANCE

interface Replay {
  model: Qwen2
  tensors: SafetensorsFile
  ids: number[][]
}

export async function replayQwen2(store: FixtureStore): Promise<CaseReport[]> {
  const tensors = await readTensors(store, 'tensors.safetensors')
  requireWhole(await readJson(store, 'case.json'), tensors)
  using scope = new TensorScope()
  const model = scope.track(new Qwen2(parseLanguageModelConfig(await readJson(store, 'model/config.json'))))
  await model.loadStateDict(await weightsOf(store, 'model'))
  const replay = { model, tensors, ids: await readRows(tensors, 'ids') }
  const outputs = [
    ...(await compareStates(replay)),
    ...(await compareMasked(replay)),
    ...(await compareGreedy(replay)),
    ...(await compareGradients(replay)),
  ]
  const known = new Set([...outputs.map(({ name }) => name), 'ids', 'labels', 'attention_mask'])
  const unknown = tensors.names().filter((name) => !known.has(name))
  const misses = unknown.map((name) => failed(name, 'this tool does not know how to make this output'))
  return [caseReport(store.location.split('/').pop()!, [...outputs, ...misses])]
}

/** Every safetensors file of a folder, as one source. */
export async function weightsOf(store: FixtureStore, folder: string): Promise<StateSource> {
  const owners = new Map<string, SafetensorsFile>()
  for (const name of await store.list(folder)) {
    if (!name.endsWith('.safetensors')) continue
    const path = `${folder}/${name}`
    const file = await openSafetensors(bytesSource(await store.readBytes(path), `${store.location}/${path}`))
    for (const tensor of file.names()) owners.set(tensor, file)
  }
  if (owners.size === 0) throw new ResourceError(`${store.location}/${folder} holds no safetensors file`)
  return {
    names: () => owners.keys(),
    shape: (name) => owners.get(name)!.info(name).shape,
    read: (name) => owners.get(name)!.readFloat32(name),
  }
}

async function compareStates({ model, tensors, ids }: Replay): Promise<OutputReport[]> {
  const wanted = tensors.names().filter((name) => name === 'logits' || /^hidden\.\d+$/.test(name))
  if (wanted.length === 0) return []
  using scope = new TensorScope()
  const made = scope.run(() => {
    const layers = Array.from({ length: model.config.numLayers }, (_, i) => i)
    const parts = ids.map(({ length }) => ({ length }))
    const { last, hiddenStates } = model.forward(model.embed(ids.flat()), parts, { hiddenStates: layers })
    const states = Object.fromEntries([...hiddenStates].map(([i, state]) => [`hidden.${i}`, state]))
    return { ...states, [`hidden.${layers.length}`]: last, logits: model.logits(last) } as Record<
      string,
      Tensor
    >
  })
  const outputs: OutputReport[] = []
  for (const name of wanted) {
    const output = made[name]
    if (!output) outputs.push(failed(name, `the model has ${model.config.numLayers} layers`))
    else {
      const want = await tensors.readFloat32(name)
      outputs.push(compare(name, await tensorData(output), want, toleranceFor(want)))
    }
  }
  return outputs
}

/** Sequences of unequal lengths together; what the reference gives for padding means nothing. */
async function compareMasked({ model, tensors, ids }: Replay): Promise<OutputReport[]> {
  const name = 'logits_masked'
  if (!tensors.has(name)) return []
  const mask = await readRows(tensors, 'attention_mask')
  const want = (await readRows(tensors, name)).filter((_, row) => mask.flat()[row] === 1)
  const shorter = ids.map((row, i) => row.filter((_, t) => mask[i]![t] === 1))
  using scope = new TensorScope()
  const logits = scope.run(() => {
    const parts = shorter.map(({ length }) => ({ length }))
    return model.logits(model.forward(model.embed(shorter.flat()), parts).last)
  })
  return [compare(name, await tensorData(logits), want.flat(), TOLERANCE)]
}

async function compareGreedy({ model, tensors, ids }: Replay): Promise<OutputReport[]> {
  if (!tensors.has('greedy_ids')) return []
  const want = await readRows(tensors, 'greedy_ids')
  const got: number[][] = want.map(() => [])
  const parts = ids.slice(0, want.length).map((prompt) => ({ prompt }))
  for await (const { sequence, id } of generate(model, parts, { maxTokens: want[0]!.length })) {
    got[sequence]!.push(id)
  }
  const outputs = [compare('greedy_ids', got.flat(), want.flat(), 0)]
  if (!tensors.has('greedy_logits')) return outputs
  // The recorded tokens are fed, so that one wrong token does not spoil the logits of all others.
  const logits: number[] = []
  for (const [i, recorded] of want.entries()) logits.push(...(await logitsAlong(model, ids[i]!, recorded)))
  return [...outputs, compare('greedy_logits', logits, await tensors.readFloat32('greedy_logits'), TOLERANCE)]
}

/** The logits from which each of `answer`'s tokens was chosen. */
export async function logitsAlong(
  model: Qwen2,
  prompt: Prompt,
  answer: readonly number[],
): Promise<number[]> {
  using scope = new TensorScope()
  const past = scope.track(new KeyValueCache(model.config))
  const values: number[] = []
  for (const [step] of answer.entries()) {
    const tokens = step === 0 ? prompt : [answer[step - 1]!]
    const last = scope.track(await prefill(model, [{ prompt: tokens, past }]))
    values.push(...(await tensorData(scope.run(() => model.logits(last)))))
  }
  return values
}

async function compareGradients({ model, tensors, ids }: Replay): Promise<OutputReport[]> {
  if (!tensors.has('labels')) return []
  const labels = await readRows(tensors, 'labels')
  const wanted = tensors.names().filter((name) => name.startsWith('grad.'))
  const parameters = new Map([...model.namedParameters()].map(([name, { value }]) => [`grad.${name}`, value]))
  const tape = new Tape()
  const loss = tape.record(() => {
    const parts = ids.map(({ length }) => ({ length }))
    return nextTokenLoss(model, model.forward(model.embed(ids.flat()), parts).last, labels)
  })
  const found = wanted.filter((name) => parameters.has(name))
  const gradients = tape.gradients(
    [{ y: loss }],
    found.map((name) => parameters.get(name)!),
  )
  try {
    const want = await tensors.readFloat32('loss')
    const outputs = [compare('loss', await tensorData(loss), want, TOLERANCE)]
    for (const name of wanted) {
      const gradient = gradients[found.indexOf(name)]
      if (!gradient) {
        outputs.push(failed(name, 'the model has no such parameter'))
        continue
      }
      const recorded = await tensors.readFloat32(name)
      // Gradients reach 10 and more: relative to the largest there.
      const scale = recorded.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
      outputs.push(compare(name, await tensorData(gradient), recorded, TOLERANCE * scale))
    }
    return outputs
  } finally {
    dispose([loss, ...gradients.filter((gradient) => gradient !== null)])
  }
}

/** A recorded tensor of whole numbers or scores, by rows of its last axis. */
async function readRows(tensors: SafetensorsFile, name: string): Promise<number[][]> {
  const width = tensors.info(name).shape.at(-1)!
  const values = [...(await tensors.readFloat32(name))]
  return Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width))
}
