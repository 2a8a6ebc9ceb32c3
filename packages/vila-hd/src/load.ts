// Loading a VILA-HD as it is published: `llm/`, `vision_tower/` and `mm_projector/`, each with its configuration and
// weights, and a `config.json` over them (llava_arch.py of NVlabs/VILA).

import { type LoadModelOptions, loadLanguageModel, parseLanguageModelConfig } from '@ps3js/language-model'
import { checkpointSource, loadPretrained, readConfig } from '@ps3js/ps3-encoder'
import {
  CheckpointError,
  ConfigError,
  openCheckpoint,
  type PretrainedFiles,
  resolvePretrained,
  TensorScope,
} from '@ps3js/tensor'
import { Connector, type ConnectorConfig, connectorConfigOf } from '@ps3js/vila-hd-connector'
import { type ConfigFiles, PictureAssistant, stopIdsOf, tokenIds } from './assistant.ts'
import { parseRootConfig } from './config.ts'
import { availableMemory, requireMemory, vilaHdMemory } from './memory.ts'
import { VilaHd } from './vila-hd.ts'

export interface LoadVilaHdOptions extends Omit<LoadModelOptions, 'onWeights'> {
  /** Called as weights are read, with the bytes that they take in memory. */
  onWeights?: LoadModelOptions['onWeights']
  /** Memory that the model may take, in bytes. Default: what the machine has free, where that can be known. */
  availableBytes?: number
}

/** VILA's own `qwen2` template. */
const QWEN2_TEMPLATE =
  "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant<|im_end|>\\n' }}{% endif %}{% for message in messages if message['content'] is not none %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

/**
 * Loads a whole VILA-HD from a directory, a base URL, or `owner/name[@revision]` of the hub. Dispose it.
 *
 * @throws ResourceError before any weights are read when they would not fit into memory; ConfigError, CheckpointError or
 *   ResourceError, which name the file and what to do
 */
export async function loadVilaHd(
  from: string | PretrainedFiles,
  options: LoadVilaHdOptions = {},
): Promise<PictureAssistant> {
  const { availableBytes = availableMemory(), layers, onWeights, ...access } = options
  const files = typeof from === 'string' ? await resolvePretrained(from, access) : from
  const published = await readConfigFiles(files)
  const root = parseRootConfig(published['config.json'])
  const [llmFiles, towerFiles] = [files.subdirectory('llm'), files.subdirectory('vision_tower')]
  const llmConfig = parseLanguageModelConfig(published['llm/config.json'])
  const needed = vilaHdMemory(llmConfig, await readConfig(towerFiles), { layers })
  requireMemory(needed, availableBytes, files.location)

  using scope = new TensorScope()
  const total = needed.languageModel + needed.visionTower
  const report = (
    part: 'llm' | 'vision_tower',
    before: number,
    bytes: number,
  ): LoadModelOptions['onWeights'] =>
    onWeights &&
    ((p) => onWeights({ name: `${part}.${p.name}`, loaded: before + (bytes * p.loaded) / p.total, total }))
  const chatTemplate = root.chatTemplate && QWEN2_TEMPLATE
  const language = scope.track(
    await loadLanguageModel(llmFiles, {
      ...access,
      layers,
      chatTemplate,
      onWeights: report('llm', 0, needed.languageModel),
    }),
  )
  const { encoder, processor } = await loadPretrained(towerFiles, {
    ...access,
    tokenizer: null,
    onWeights: report('vision_tower', needed.languageModel, needed.visionTower),
  })
  scope.track(encoder)
  const projector = published['mm_projector/config.json'] as { mm_projector_type?: string } | undefined
  const connector = scope.track(
    await loadConnector(files.subdirectory('mm_projector'), access, {
      projectorType: projector?.mm_projector_type ?? root.projectorType,
      visionWidth: encoder.config.trunk.width,
      hiddenSize: llmConfig.hiddenSize,
    }),
  )
  const { selectLayer, lookMode, promptState, looks, tokens, dynamicAspectRatio } = root
  const model = new VilaHd(
    { vision_tower: encoder, llm: language.model, mm_projector: connector },
    {
      ...{ selectLayer, lookMode, promptState, looks, tokens, dynamicAspectRatio },
      ...tokenIds(language.tokenizer, root.pictureEnd),
    },
  )
  scope.keep([language, encoder, connector])
  const { tokenizer, recommended } = language
  const stopIds = [...new Set([...language.stopIds, ...stopIdsOf(tokenizer)])]
  return new PictureAssistant({ model, tokenizer, processor, stopIds, recommended, published })
}

/** Those whose fields are not all read here. The vision tower's are. */
async function readConfigFiles(files: PretrainedFiles): Promise<ConfigFiles> {
  const found: Record<string, unknown> = {
    'config.json': await files.readJson('config.json'),
    'llm/config.json': await files.readJson('llm/config.json'),
  }
  for (const name of ['llm/generation_config.json', 'mm_projector/config.json']) {
    if (await files.has(name)) found[name] = await files.readJson(name)
  }
  return found
}

async function loadConnector(
  files: PretrainedFiles,
  options: LoadModelOptions,
  known: Pick<ConnectorConfig, 'visionWidth' | 'hiddenSize'> & { projectorType: string | undefined },
): Promise<Connector> {
  const { projectorType } = known
  if (projectorType === undefined) {
    throw new ConfigError(
      `${files.location}/config.json lacks mm_projector_type, and so does mm_projector_cfg in the model's config.json`,
    )
  }
  const checkpoint = await openCheckpoint(files, options)
  let connector: Connector | undefined
  try {
    const source = checkpointSource(checkpoint, options.signal)
    connector = new Connector(connectorConfigOf(source, { ...known, projectorType }))
    await connector.loadStateDict(source, { signal: options.signal })
    return connector
  } catch (error) {
    connector?.dispose()
    if (!(error instanceof CheckpointError)) throw error
    throw new CheckpointError(`${files.location}: ${error.message}`, { cause: error })
  } finally {
    await checkpoint.close()
  }
}
