// The model of a fine-tuning run with all that its checkpoints carry: a whole VILA-HD, or one made of its parts.

import {
  type LayerFactory,
  LoraAdapters,
  loadModel,
  loraLayers,
  parseLanguageModelConfig,
  Qwen2,
  readTokenizerJson,
  TextTokenizer,
  type TokenizerJson,
  withSpecialToken,
} from '@ps3js/language-model'
import { configJson, loadPretrained, PictureBatch, PS3Encoder, parseConfig } from '@ps3js/ps3-encoder'
import {
  CheckpointError,
  ConfigError,
  div,
  fileSource,
  Linear,
  mean,
  openSafetensors,
  type PretrainedOptions,
  Random,
  resolvePretrained,
  sqrt,
  square,
  TensorScope,
  tidy,
} from '@ps3js/tensor'
import {
  loadVilaHd,
  lowResFeatures,
  PICTURE_TAG,
  PictureAssistant,
  stopIdsOf,
  tokenIds,
  VilaHd,
} from '@ps3js/vila-hd'
import { Connector } from '@ps3js/vila-hd-connector'
import type { FineTuneConfig } from './config.ts'

/** A VILA-HD to train. Dispose the assistant and the adapters. */
export interface TrainableAssistant {
  assistant: PictureAssistant
  /** The tokenizer's files: checkpoints hold a copy. */
  tokenizer: TokenizerJson
  /** With `lora`: its language model's adapters, which add nothing yet. */
  adapters: LoraAdapters | null
}

/** Opens the model with its values. Throws ConfigError, CheckpointError or ResourceError. */
export async function openAssistant(
  { from, parts }: FineTuneConfig['model'],
  { seed, lora }: Pick<FineTuneConfig, 'seed'> & Partial<Pick<FineTuneConfig, 'lora'>>,
  options: PretrainedOptions = {},
): Promise<TrainableAssistant> {
  const opening = { ...options, layers: lora && loraLayers(lora) }
  const opened = from === undefined ? await assemble(parts!, seed, opening) : await open(from, opening)
  const adapters = lora ? LoraAdapters.of(opened.assistant.model.llm) : null
  adapters?.initialize(seed)
  return { ...opened, adapters }
}

type Opened = Omit<TrainableAssistant, 'adapters'>
type Opening = PretrainedOptions & { layers: LayerFactory | undefined }

async function open(from: string, options: Opening): Promise<Opened> {
  const files = await resolvePretrained(from, options)
  const tokenizer = await readTokenizerJson(files.subdirectory('llm'))
  return { assistant: await loadVilaHd(files, options), tokenizer }
}

type Parts = NonNullable<FineTuneConfig['model']['parts']>

/** Puts trained parts and new ones together; what is new has random values. */
async function assemble(parts: Parts, seed: number, { layers, ...options }: Opening): Promise<Opened> {
  using scope = new TensorScope()
  const { encoder: whole, processor } = await loadPretrained(parts.visionTower, {
    ...options,
    tokenizer: null,
  })
  scope.track(whole)
  const tower = scope.track(await withoutText(whole))
  const files = await resolvePretrained((parts.languageModel ?? parts.tokenizer)!, options)
  // A tokenizer of texts alone has no token for pictures yet.
  const tokenizer = withSpecialToken(await readTokenizerJson(files), PICTURE_TAG)
  const spelling = new TextTokenizer(tokenizer)
  const llm = scope.track(
    parts.languageModelConfig === undefined
      ? await loadModel(files, { ...options, layers })
      : newLanguageModel(parts.languageModelConfig, seed, layers),
  )
  const stopIds = stopIdsOf(spelling)
  const { vision, trunk } = tower.config
  const connector = scope.track(
    new Connector({
      projectorType: parts.projector,
      visionWidth: trunk.width,
      hiddenSize: llm.config.hiddenSize,
      promptHead: parts.promptHead,
      positionGrid: parts.positions ? Math.floor(vision.ps3_scales[0]! / trunk.patch_size) : null,
      numScales: parts.positions ? vision.ps3_scales.length : 0,
    }),
  )
  connector.initialize(seed)
  if (parts.projectorWeights) await loadProjector(connector, parts.projectorWeights)
  else fitToFeatures(connector, tower, seed, parts.selectLayer)
  const ids = tokenIds(spelling, '\n')
  requireVocabulary(llm, [...stopIds, ids.imageTokenId])
  const model = new VilaHd(
    { vision_tower: tower, llm, mm_projector: connector },
    {
      selectLayer: parts.selectLayer,
      lookMode: 'after-prompt',
      promptState: parts.promptState,
      looks: 1,
      tokens: null,
      dynamicAspectRatio: false,
      ...ids,
    },
  )
  scope.keep([tower, llm, connector])
  const assistant = new PictureAssistant({ model, tokenizer: spelling, processor, stopIds })
  return { assistant, tokenizer }
}

/** Values for the projector's layers, which all must be there. Throws CheckpointError. */
async function loadProjector(connector: Connector, path: string): Promise<void> {
  const file = await openSafetensors(fileSource(path))
  try {
    for (const [name, parameter] of connector.namedParameters()) {
      if (!name.startsWith('layers.')) continue
      if (file.info(name).shape.join() !== parameter.shape.join())
        throw new CheckpointError(
          `${path}: ${name} has shape ${file.info(name).shape}, the projector wants ${parameter.shape}`,
        )
      parameter.set(await file.readFloat32(name))
    }
  } finally {
    await file.close()
  }
}

/**
 * Divides the weights of a new connector's first layer by the size of what it reads, unless it norms that: features of a tower
 * may be a hundred times those that initial values are made for, and GELU would pass on little of what tells them apart.
 */
function fitToFeatures(connector: Connector, tower: PS3Encoder, seed: number, selectLayer: number): void {
  const { layers } = connector
  const first = layers instanceof Linear ? layers : layers.find((layer) => layer !== undefined)
  if (!(first instanceof Linear)) return
  const { vision, trunk } = tower.config
  const size = vision.ps3_scales[0]!
  const random = new Random(seed)
  const data = Uint8Array.from({ length: 3 * size * size }, () => random.integer(256))
  const noise = new PictureBatch(
    [{ width: size, height: size, data }],
    vision.ps3_scales,
    trunk.patch_size,
    tower.normalization,
  )
  const scaled = tidy(() => {
    const { features } = lowResFeatures(tower, noise, trunk.depth + selectLayer, false)
    return div(first.weight.value, sqrt(mean(square(features))))
  })
  first.weight.set(scaled)
  scaled.dispose()
}

/** The vision tower alone, as a checkpoint spells it, so that a run that was taken up writes the same bytes. */
async function withoutText(encoder: PS3Encoder): Promise<PS3Encoder> {
  const { config, normalization } = encoder
  const bare = new PS3Encoder({ config: { ...config, text: null }, normalization })
  const tower = new PS3Encoder({ config: parseConfig(configJson(bare), config.trunk), normalization })
  const values = encoder.stateDict()
  for (const [path, parameter] of tower.namedParameters()) parameter.set(values[path]!)
  return tower
}

function newLanguageModel(config: Record<string, unknown>, seed: number, layers?: LayerFactory): Qwen2 {
  const model = new Qwen2(parseLanguageModelConfig(config), layers)
  model.initialize(seed)
  return model
}

function requireVocabulary({ config: { vocabSize } }: Qwen2, ids: readonly number[]): void {
  const beyond = ids.find((id) => id >= vocabSize)
  if (beyond === undefined) return
  throw new ConfigError(
    `the tokenizer has a token ${beyond}, the language model a vocabulary of ${vocabSize}: they must fit`,
  )
}
