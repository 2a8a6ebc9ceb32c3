// Adapters in a run's checkpoint: the model there is a plain VILA-HD with the adapters added in. Beside it `lora/` holds
// them apart, as Python's `peft` does, and `lora/base/` the weights that they were added to: all that resuming needs.

import { type LoraAdapters, type LoraOptions, loadAdapters, saveAdapters } from '@ps3js/language-model'
import { type TensorToWrite, tensorData, writeSharded } from '@ps3js/tensor'
import { reading } from '../run/run-in-folder.ts'

const FOLDER = 'lora'
const BASE = `${FOLDER}/base`

/** @param saveModel writes the model, which is plain while that runs, into the folder */
export async function saveWithAdapters(
  adapters: LoraAdapters,
  directory: string,
  options: LoraOptions & { baseModel?: string | null },
  saveModel: () => Promise<void>,
): Promise<void> {
  await adapters.whileMerged(saveModel)
  const base = [...adapters.baseWeights()].map(([name, { shape, value }]): [string, TensorToWrite] => [
    name,
    { dtype: 'F32', shape, data: async () => (await tensorData(value)) as Float32Array<ArrayBuffer> },
  ])
  await writeSharded(`${directory}/${BASE}`, base)
  await saveAdapters(adapters, `${directory}/${FOLDER}`, options)
}

/** Takes up adapters of a model that was loaded from the same folder. */
export async function restoreAdapters(adapters: LoraAdapters, directory: string): Promise<void> {
  await reading(`${directory}/${BASE}`, 'model.safetensors', async (source) => {
    for (const [name, parameter] of adapters.baseWeights()) await parameter.load(source, name)
  })
  await loadAdapters(adapters, `${directory}/${FOLDER}`)
}
