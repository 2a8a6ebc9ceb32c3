// Makes a model attend more sharply. What is looked for is one patch among as many as are read, and the more these are, the
// more of attention goes to them: with all keys larger by a factor, what attention is decided by is larger too. YaRN does so
// for contexts longer than those of training, by a temperature (arXiv:2309.00071, section 3.4); here it is in the weights.
import { concat, mul, split, tidy } from '@ps3js/tensor'
import { openAssistant, parseFineTuneConfig } from '@ps3js/trainer'
import { saveVilaHd } from '@ps3js/vila-hd'

/** Reads the VILA-HD in the folder `from`, and writes it to `directory` with all keys `factor` times as large. */
export async function sharpenAttention(from, directory, { factor }) {
  const { model } = parseFineTuneConfig({ steps: 1, model: { from } }, directory)
  const { assistant, tokenizer } = await openAssistant(model, { seed: 0 })
  const { llm, vision_tower: encoder } = assistant.model
  for (const [path, parameter] of llm.namedParameters())
    if (path.includes('.k_proj.')) change(parameter, (keys) => mul(keys, factor))
  for (const [path, parameter] of encoder.vision_model.trunk.namedParameters())
    if (path.includes('.attn.qkv.')) change(parameter, (all) => withLargerKeys(all, factor))
  await saveVilaHd(assistant, directory, { tokenizer })
  assistant.dispose()
}

function change(parameter, by) {
  const changed = tidy(() => by(parameter.value))
  parameter.set(changed)
  changed.dispose()
}

/** Of rows that give queries, then keys, then values. */
function withLargerKeys(all, factor) {
  const [queries, keys, values] = split(all, 3)
  return concat([queries, mul(keys, factor), values])
}
