// What a run will need, from its configuration alone: nothing is allocated, so that a model of any size is planned at once.
import { PS3Encoder, parseConfig, preset } from '@ps3js/ps3-encoder'
import { totalSteps } from '@ps3js/trainer'

const FLOAT_BYTES = 4
/** Weights, gradients, and AdamW's two moments. */
const COPIES = 4
/** What the backward pass keeps of a block, in widths per token: norms, q, k, v, attention, residuals. The MLP's come on top. */
const KEPT_WIDTHS = 9

/** Parameters, tokens and memory of a run. */
export function plan(config) {
  const { model, batch, accumulation, selection, checkpointedBlocks } = config
  const parsed = model.preset
    ? parseConfig(preset(model.preset).config)
    : parseConfig(model.config, model.trunk)
  const { vision, trunk } = parsed
  // A model without values: shapes only.
  const encoder = new PS3Encoder({
    config: parsed,
    normalization: { mean: [0], std: [1] },
    contrastive: true,
  })
  const tokens = vision.ps3_scales.map((scale) => (scale / trunk.patch_size) ** 2)
  const looked = selection.budget ?? encoder.budget.reduce((sum, count) => sum + count, 0)
  const perStep = batch / accumulation
  const blockFloats = checkpointedBlocks ? trunk.width : KEPT_WIDTHS * trunk.width + 2 * trunk.mlp_hidden
  const cache = 2 * trunk.width
  const kept = perStep * trunk.depth * ((tokens[0] + looked) * blockFloats + tokens[0] * cache) * FLOAT_BYTES
  const states = encoder.parameterCount * FLOAT_BYTES * COPIES
  return [
    `parameters        ${encoder.parameterCount.toLocaleString('en')}`,
    `steps             ${totalSteps(config).toLocaleString('en')} of ${batch} captions, ${perStep} at a time`,
    `tokens a picture  ${tokens[0]} of the whole, ${looked} of ${sum(tokens.slice(1)).toLocaleString('en')} at ${vision.ps3_scales.slice(1).join(', ')} px`,
    `memory            ${gigabytes(states)} for weights, gradients and moments, about ${gigabytes(kept)} for activations`,
  ].join('\n')
}

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0)
const gigabytes = (bytes) => `${(bytes / 1e9).toPrecision(3)} GB`
