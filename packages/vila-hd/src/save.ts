// Saving a VILA-HD in the published layout, so that it loads again here and in VILA.

import { languageModelConfigJson, saveModel, type TokenizerJson } from '@ps3js/language-model'
import { configJson, savePretrained } from '@ps3js/ps3-encoder'
import {
  type TensorToWrite,
  tensorData,
  type WriteShardedOptions,
  writeFileAtomic,
  writeSharded,
} from '@ps3js/tensor'
import type { PictureAssistant } from './assistant.ts'
import { rootConfigJson } from './config.ts'

export interface SaveVilaHdOptions extends Pick<WriteShardedOptions, 'dtype' | 'maxShardBytes' | 'signal'> {
  /** The files that the assistant's tokenizer was made from. */
  tokenizer: TokenizerJson
}

/**
 * Writes `llm/`, `vision_tower/`, `mm_projector/` and the `config.json` over them (Node only). Of an assistant that was
 * loaded, fields of its configuration that nothing here reads are written again.
 */
export async function saveVilaHd(
  assistant: PictureAssistant,
  directory: string,
  { tokenizer, ...writing }: SaveVilaHdOptions,
): Promise<void> {
  const { model, processor, stopIds, published } = assistant
  const { llm, vision_tower, mm_projector, config } = model
  const { projectorType, promptHead, positionGrid, numScales, visionWidth, hiddenSize } = mm_projector.config
  const text = (name: string, content: string) => writeFileAtomic(`${directory}/${name}`, content)
  const json = (name: string, value: unknown) =>
    text(name, `${JSON.stringify(over(published[name], value), null, 2)}\n`)

  await saveModel(llm, `${directory}/llm`, writing)
  // Weights that were packed are written in full.
  const language = { ...languageModelConfigJson(llm.config, writing.dtype), quantization_config: undefined }
  await json('llm/config.json', language)
  await json('llm/generation_config.json', { eos_token_id: stopIds })
  await json('llm/tokenizer.json', tokenizer.tokenizer)
  if (tokenizer.config !== undefined) await json('llm/tokenizer_config.json', tokenizer.config)
  if (tokenizer.chatTemplate !== undefined) await text('llm/chat_template.jinja', tokenizer.chatTemplate)

  await savePretrained(vision_tower, `${directory}/vision_tower`, { processor, ...writing })

  const tensors = [...mm_projector.namedParameters()].map(
    ([name, { shape, value }]): [string, TensorToWrite] => [
      name,
      { dtype: 'F32', shape, data: async () => (await tensorData(value)) as Float32Array<ArrayBuffer> },
    ],
  )
  await writeSharded(`${directory}/mm_projector`, tensors, writing)
  const projector = {
    architectures: ['MultimodalProjector'],
    model_type: 'v2l_projector',
    mm_projector_type: projectorType,
  }
  await json('mm_projector/config.json', projector)

  const root = published['config.json'] as Record<string, unknown> | undefined
  await json('config.json', {
    architectures: ['LlavaTopDownLlamaModel'],
    model_type: 'llava_topdown_llama',
    model_dtype: 'torch.float32',
    ...root,
    hidden_size: hiddenSize,
    mm_hidden_size: visionWidth,
    ...rootConfigJson(
      config,
      assistant.tokenizer.decode(config.pictureEndIds, { specialTokens: true }),
      root,
    ),
    top_down_prompt_head_type: promptHead,
    high_res_pos_embed: positionGrid !== null,
    mm_low_res_token_num: positionGrid && positionGrid ** 2,
    mm_scale_num: numScales,
    llm_cfg: language,
    vision_tower_cfg: configJson(vision_tower),
    mm_projector_cfg: projector,
  })
}

/** What is known now, over what else was published. */
function over(published: unknown, known: unknown): unknown {
  if (!isRecord(published) || !isRecord(known)) return known
  const both = Object.entries(known).map(([key, value]) => [key, over(published[key], value)])
  return { ...published, ...Object.fromEntries(both) }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
