// Trains the toy PS3 of the pre-training example inside a page: the loss as a line, and where the model looks, live.

import config from '@ps3js/example-pretrain/configs/toy.yaml'
import tokenizer from '@ps3js/example-pretrain/tokenizer/tokenizer.json'
import tokenizerConfig from '@ps3js/example-pretrain/tokenizer/tokenizer_config.json'
import { toyEvaluationSamples, toySamples } from '@ps3js/example-pretrain/toy-samples.mjs'
import { PS3Encoder, parseConfig, TextTokenizer } from '@ps3js/ps3-encoder'
import { useBackend } from '@ps3js/tensor'
import { parseTrainConfig, readTrainConfig, Trainer, train } from '@ps3js/trainer'
import { drawCurve, drawPicture } from './draw.mjs'

/**
 * @param elements `status` (any element), `curve` and `maps` (canvases)
 * @param options `backend`, `wasmPaths`, and settings in place of the toy's
 * @returns the losses of all recorded steps
 */
export async function trainInPage({ status, curve, maps }, { backend, wasmPaths, signal, ...settings }) {
  const { describe } = await useBackend(backend, { wasmPaths })
  const run = parseTrainConfig({
    ...readTrainConfig(config, 'toy.yaml'),
    log: { every: 1, imagesEvery: 10 },
    ...settings,
  })
  const model = buildToy(run)
  const trainer = new Trainer(model, run)
  const losses = []
  const { seed, evaluation } = run
  const drawing = { seed, size: 288, captions: 8 }
  const sink = {
    async record({ step, scalars, images }) {
      const loss = scalars['loss/total']
      if (loss !== undefined) losses.push(loss)
      drawCurve(curve, losses)
      if (images.selection) drawPicture(maps, images.selection)
      status.textContent = `${describe}: step ${step} of ${run.steps}, ${sentence(scalars)}`
    },
    checkpoint: async () => {},
  }
  try {
    await train({
      trainer,
      config: run,
      samples: toySamples(drawing),
      evaluationSamples: toyEvaluationSamples({ ...drawing, captions: 4, pictures: evaluation.samples / 4 }),
      sink,
      signal,
    })
    return losses
  } finally {
    trainer.dispose()
    model.encoder.dispose()
  }
}

function buildToy({ model, seed }) {
  const encoder = new PS3Encoder({
    config: parseConfig(model.config, model.trunk),
    normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    contrastive: true,
  })
  encoder.initialize(seed)
  encoder.logit_bias.set(Float32Array.of(model.logitBias))
  const { context_length: contextLength, clean } = model.tokenizerConfig
  return {
    encoder,
    tokenizer: new TextTokenizer({ tokenizer, config: tokenizerConfig }, { contextLength, clean }),
  }
}

const SHOWN = ['loss/total', 'evaluation/selection/topDown@5%', 'evaluation/selection/bottomUp@5%']

const sentence = (scalars) =>
  SHOWN.filter((name) => name in scalars)
    .map((name) => `${name.replace('evaluation/', '')} ${scalars[name].toFixed(3)}`)
    .join(', ')
