// The model of a run with all that its checkpoints carry: built from a preset, a folder or a configuration, with random
// values or those of a checkpoint.

import {
  checkpointSource,
  configJson,
  ImageProcessor,
  type ImageProcessorConfig,
  type PS3Config,
  PS3Encoder,
  parseConfig,
  preset,
  readConfig,
  renamedSource,
  savePretrained,
  TextTokenizer,
  toCheckpointName,
} from '@ps3js/ps3-encoder'
import {
  CheckpointError,
  ConfigError,
  openCheckpoint,
  type PretrainedFiles,
  type PretrainedOptions,
  resolvePretrained,
  writeFileAtomic,
} from '@ps3js/tensor'
import { makeDirectory } from '#platform'
import type { TrainConfig } from './config.ts'
import { isTransformersSiglip, transformersSiglip } from './transformers-siglip.ts'

/** An encoder to train. Dispose the encoder. */
export interface TrainableModel {
  encoder: PS3Encoder
  tokenizer: TextTokenizer
  /** Brings pictures to the model's size. */
  processor: ImageProcessor
  /** What `tokenizer_config.json` says. */
  tokenizerConfig: Record<string, unknown>
  /** The tokenizer's own files, by name: checkpoints hold a copy. */
  tokenizerFiles: ReadonlyMap<string, string>
}

interface ModelDescription {
  config: PS3Config
  processor: ImageProcessor
  tokenizerConfig: Record<string, unknown>
  /** What a path in `tokenizerConfig` starts from. */
  files: PretrainedFiles | null
}

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']
const TOKENIZER_FOLDER = 'tokenizer'

/** Builds the model without values. Throws ConfigError, CheckpointError or ResourceError. */
export async function buildModel(
  config: TrainConfig['model'],
  options: PretrainedOptions = {},
): Promise<TrainableModel> {
  const { config: parsed, processor, tokenizerConfig, files } = await describe(config, options)
  if (!parsed.text) throw new ConfigError('model has no text tower, which pre-training needs')
  const tokenizerFiles = await readTokenizer(config.tokenizer, tokenizerConfig, files, options)
  const tokenizer = await TextTokenizer.fromPretrained(
    inMemory(new Map([['tokenizer_config.json', JSON.stringify(tokenizerConfig)]])),
    { tokenizer: inMemory(tokenizerFiles) },
  )
  if (tokenizer.vocabSize > parsed.text.vocab_size) {
    throw new ConfigError(
      `the tokenizer has ${tokenizer.vocabSize} tokens, the model's text tower ${parsed.text.vocab_size}: they must fit`,
    )
  }
  const parts = { normalization: processor, tokenizer, contrastive: true }
  // As a checkpoint spells it, so that a run that was taken up writes the same bytes.
  const spelled = configJson(new PS3Encoder({ ...parts, config: parsed }))
  const encoder = new PS3Encoder({ ...parts, config: parseConfig(spelled, parsed.trunk) })
  return { encoder, tokenizer, processor, tokenizerConfig, tokenizerFiles }
}

async function describe(
  { preset: name, from, config, trunk, preprocessor, tokenizerConfig }: TrainConfig['model'],
  options: PretrainedOptions,
): Promise<ModelDescription> {
  if (from !== undefined) {
    const files = await resolvePretrained(from, options)
    return {
      config: await readConfig(files),
      processor: new ImageProcessor(
        (await files.readJson('preprocessor_config.json')) as ImageProcessorConfig,
      ),
      tokenizerConfig: (await files.readJson('tokenizer_config.json')) as Record<string, unknown>,
      files,
    }
  }
  const parts = name === undefined ? { config, preprocessor, tokenizer: tokenizerConfig } : preset(name)
  if (!parts.preprocessor || !parts.tokenizer) {
    throw new ConfigError('model.config needs model.preprocessor and model.tokenizerConfig beside it')
  }
  return {
    config: parseConfig(parts.config, trunk),
    processor: new ImageProcessor(parts.preprocessor as ImageProcessorConfig),
    tokenizerConfig: { ...parts.tokenizer },
    files: null,
  }
}

/** The texts of the tokenizer's own files. */
async function readTokenizer(
  given: string | undefined,
  { tokenizer_name }: Record<string, unknown>,
  files: PretrainedFiles | null,
  options: PretrainedOptions,
): Promise<Map<string, string>> {
  const name = given ?? String(tokenizer_name)
  const place =
    given === undefined && files ? await files.relative(name) : await resolvePretrained(name, options)
  const texts = new Map<string, string>()
  for (const file of TOKENIZER_FILES) {
    if (await place.has(file)) texts.set(file, await place.readText(file))
  }
  return texts
}

/** What was found in a checkpoint: names as checkpoints spell them. */
export interface Initialization {
  loaded: string[]
  /** In the model but not in the checkpoint: they keep their random values. */
  fresh: string[]
}

/**
 * Puts in place what a checkpoint has of the model's parameters: a PS3 one in either layout, or a SigLIP, whose towers are
 * PS3's, as OpenCLIP or transformers names it. Throws CheckpointError when a shape differs, or when nothing fits.
 */
export async function initializeFrom(
  encoder: PS3Encoder,
  ref: string,
  options: PretrainedOptions = {},
): Promise<Initialization> {
  const files = await resolvePretrained(ref, options)
  const filename = (await files.has(OPEN_CLIP_FILE)) ? OPEN_CLIP_FILE : undefined
  const checkpoint = await openCheckpoint(files, { ...options, filename })
  try {
    const stored = checkpointSource(checkpoint, options.signal)
    const source = isTransformersSiglip(stored.names()) ? transformersSiglip(stored) : renamedSource(stored)
    const present = new Set(source.names())
    const parameters = [...encoder.namedParameters()]
    const found = parameters.filter(([path]) => present.has(path))
    const misfits = found.filter(([path, { shape }]) => `${source.shape(path)}` !== `${shape}`)
    if (found.length === 0 || misfits.length > 0) {
      const lines = misfits.map(
        ([path, { shape }]) => `  ${toCheckpointName(path)} is [${source.shape(path)}], not [${shape}]`,
      )
      throw new CheckpointError(
        `${files.location} does not fit the model: ${found.length} of its ${present.size} tensors are named as the model's\n${lines.join('\n')}`,
      )
    }
    for (const [path, parameter] of found) parameter.set(await source.read(path))
    const names = (list: typeof parameters) => list.map(([path]) => toCheckpointName(path))
    return { loaded: names(found), fresh: names(parameters.filter(([path]) => !present.has(path))) }
  } finally {
    await checkpoint.close()
  }
}

const OPEN_CLIP_FILE = 'open_clip_model.safetensors'

/** Writes the model in the released layout, with its tokenizer, so that the folder stands alone (Node only). */
export async function saveModel(
  { encoder, processor, tokenizerConfig, tokenizerFiles }: TrainableModel,
  directory: string,
): Promise<void> {
  await savePretrained(encoder, directory, {
    processor,
    tokenizerConfig: { ...tokenizerConfig, tokenizer_name: `./${TOKENIZER_FOLDER}` },
  })
  await makeDirectory(`${directory}/${TOKENIZER_FOLDER}`)
  for (const [name, text] of tokenizerFiles) {
    await writeFileAtomic(`${directory}/${TOKENIZER_FOLDER}/${name}`, text)
  }
}

function inMemory(texts: ReadonlyMap<string, string>) {
  return {
    location: 'the model',
    has: async (name: string) => texts.has(name),
    readJson: async (name: string) => JSON.parse(texts.get(name)!),
    relative: async () => {
      throw new ConfigError('a tokenizer has no further files')
    },
  }
}
