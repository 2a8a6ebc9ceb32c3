// Replays recorded outputs of the text tower: ids to hidden states, pooled feature and prompt.

import { parseTextConfig, TextTransformer } from '@ps3js/ps3-encoder'
import {
  bytesSource,
  dispose,
  l2Normalize,
  openSafetensors,
  type SafetensorsFile,
  type Tensor,
} from '@ps3js/tensor'
import { type CaseReport, caseReport, compare, failed, type OutputReport } from './report.ts'
import { type FixtureStore, readJson, readTensors } from './store.ts'

/** Features of order 1 to 20 in float32: the recorded noise is below 1e-5, 2e-4 leaves room for every backend. */
const TOLERANCE = 2e-4

export async function replayText(
  store: FixtureStore,
  folder: string,
  name: string,
  model: TextTransformer | null,
): Promise<CaseReport> {
  if (!model) return caseReport(name, [failed('text_model', 'this model holds no text tower')])
  const tensors = await readTensors(store, `${folder}/tensors.safetensors`)
  const ids = await readIds(tensors)
  const states = model.hiddenStates(ids)
  const head = model.head(states[states.length - 1]!, ids)
  const made: Record<string, Tensor> = {
    ln_final: head.normed,
    pooled: head.pooled,
    prompt: head.prompt,
    pooled_normalized: l2Normalize(head.pooled),
  }
  states.forEach((state, i) => {
    made[`hidden.${i}`] = state
  })
  try {
    const outputs: OutputReport[] = []
    for (const output of tensors.names().filter((tensor) => tensor !== 'ids')) {
      const got = made[output]
      if (!got) outputs.push(failed(output, 'this tool does not know how to make this output'))
      else {
        const values = (await got.data()) as Float32Array
        outputs.push(compare(output, values, await tensors.readFloat32(output), TOLERANCE))
      }
    }
    return caseReport(name, outputs)
  } finally {
    dispose(Object.values(made))
  }
}

/** A text model on its own: `model/` with a text config, `case.json` and the tensors beside it. */
export async function replayTextModel(store: FixtureStore, name: string): Promise<CaseReport> {
  const model = new TextTransformer(parseTextConfig(await readJson(store, 'model/config.json')))
  const file = await openSafetensors(bytesSource(await store.readBytes('model/model.safetensors')))
  const prefix = 'text_model.'
  try {
    await model.loadStateDict({
      names: () =>
        file.names().map((tensor) => (tensor.startsWith(prefix) ? tensor.slice(prefix.length) : tensor)),
      shape: (tensor) => file.info(prefix + tensor).shape,
      read: (tensor) => file.readFloat32(prefix + tensor),
    })
    return await replayText(store, '.', name, model)
  } finally {
    model.dispose()
  }
}

async function readIds(tensors: SafetensorsFile): Promise<Int32Array[]> {
  const [batch, length] = tensors.info('ids').shape as [number, number]
  const flat = Int32Array.from(await tensors.readFloat32('ids'))
  return Array.from({ length: batch }, (_, i) => flat.slice(i * length, (i + 1) * length))
}
