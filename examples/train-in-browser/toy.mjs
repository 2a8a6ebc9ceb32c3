// What is trained: the toy of the pre-training example, or a smaller one for machines without a fast GPU.
import config from '@ps3js/example-pretrain/configs/toy.yaml'
import tokenizer from '@ps3js/example-pretrain/tokenizer/tokenizer.json'
import tokenizerConfig from '@ps3js/example-pretrain/tokenizer/tokenizer_config.json'
import { toyEvaluationSamples, toySamples } from '@ps3js/example-pretrain/toy-samples.mjs'
import { PS3Encoder, parseConfig, TextTokenizer } from '@ps3js/ps3-encoder'
import { parseTrainConfig, readTrainConfig } from '@ps3js/trainer'

/** Captions asked of each picture: in training all eight objects, in an evaluation four. */
const [ASKED, EVALUATED] = [8, 4]

/** Side of the square picture in pixels, and what of the toy's model is smaller. */
const SIZES = {
  toy: { side: 288, vision: {}, text: {}, trunk: {} },
  small: smaller({ scales: [48, 96], width: 32, window: 4 }),
  tiny: smaller({ scales: [32, 64], width: 16, window: 4 }),
}

/** Two scales; the selection head looks through `window` pixels at a time, two windows to each low-res patch. */
function smaller({ scales, width, window }) {
  const [low, side] = scales
  return {
    side,
    vision: {
      hidden_size: width,
      ps3_scales: scales,
      max_select_num: 192,
      max_select_num_each_scale: [192],
      highres_selection_image_size: side,
      highres_selection_module_kernel_size: window,
      highres_selection_module_hidden_dim: width,
      highres_selection_module_out_dim: width,
    },
    text: { width, output_dim: width, prompt_proj_dim: width, heads: 2 },
    trunk: {
      grid: low / 4,
      width,
      heads: 2,
      mlp_hidden: 4 * width,
      attn_pool: { width, heads: 2, mlp_ratio: 2 },
    },
  }
}

/** The example's configuration with the page's settings in place of its own. */
export function toyConfig({ size, captions, steps }) {
  const toy = readTrainConfig(config, 'toy.yaml')
  const { side, vision, text, trunk } = SIZES[size]
  const { vision_config, text_config } = toy.model.config
  return parseTrainConfig({
    ...toy,
    model: {
      ...toy.model,
      config: {
        ...toy.model.config,
        vision_config: { ...vision_config, ...vision },
        text_config: { ...text_config, ...text },
      },
      trunk: { ...toy.model.trunk, ...trunk },
      preprocessor: { ...toy.model.preprocessor, image_size: side },
      logitBias: -Math.log(captions),
    },
    batch: captions,
    steps,
    schedule: { kind: 'constant', warmupSteps: Math.min(50, Math.ceil(steps / 10)) },
    log: { every: 1, imagesEvery: 0 },
    evaluation: { every: 100, samples: 32, budgets: [0.05] },
    checkpoint: { ...toy.checkpoint, best: 'selection/topDown@5%' },
  })
}

/** The model with random values, and its tokenizer. */
export function buildToy({ model, seed }) {
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

const drawing = ({ seed, model }) => ({ seed, size: model.preprocessor.image_size })

/** Endless pictures to train with, a function of the seed. */
export const trainingSamples = (run) => toySamples({ ...drawing(run), captions: ASKED })

/** Pictures whose combinations of colour and shape are held out of training. */
export const evaluationSamples = (run) =>
  toyEvaluationSamples({
    ...drawing(run),
    captions: EVALUATED,
    pictures: run.evaluation.samples / EVALUATED,
  })

/** One question about each of the first few of those pictures: `{ image, caption, boxes }`. */
export async function exampleSamples(run, count) {
  const samples = toyEvaluationSamples({ ...drawing(run), captions: 1, pictures: count })
  const taken = []
  for await (const sample of samples()) taken.push(sample)
  return taken
}
