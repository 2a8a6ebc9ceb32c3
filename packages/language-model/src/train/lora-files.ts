// Adapters on disk as Python's `peft` lays them out: adapter_config.json and adapter_model.safetensors.

import {
  CheckpointError,
  ConfigError,
  openCheckpoint,
  type PretrainedFiles,
  type PretrainedOptions,
  resolvePretrained,
  type TensorToWrite,
  tensorData,
  writeFileAtomic,
  writeSafetensors,
} from '@ps3js/tensor'
import { z } from 'zod'
import type { LoraAdapters, LoraOptions } from './lora.ts'

const CONFIG = 'adapter_config.json'
const WEIGHTS = 'adapter_model.safetensors'
/** What peft puts in front of a model's own names. */
const PREFIX = 'base_model.model.'

const plain = <T extends z.ZodType>(schema: T) => schema.nullish()

const schema = z.looseObject({
  peft_type: z.literal('LORA', 'only "LORA" is supported'),
  r: z.int().positive(),
  lora_alpha: z.number(),
  target_modules: z.array(z.string(), 'only a list of names is supported'),
  bias: plain(z.literal('none', 'only "none" is supported')),
  use_rslora: plain(z.literal(false, 'another scale of the adapters is not supported')),
  use_dora: plain(z.literal(false, 'only plain adapters are supported')),
  fan_in_fan_out: plain(z.literal(false, 'transposed weights are not supported')),
  rank_pattern: plain(z.record(z.string(), z.never('one rank for all layers is supported'))),
  alpha_pattern: plain(z.record(z.string(), z.never('one alpha for all layers is supported'))),
})

/** What adapters in a directory need of a model's layers: for `loraLayers`. @throws ConfigError or CheckpointError */
export async function readLoraConfig(
  from: string | PretrainedFiles,
  options: PretrainedOptions = {},
): Promise<Required<LoraOptions>> {
  const files = typeof from === 'string' ? await resolvePretrained(from, options) : from
  const parsed = schema.safeParse(await files.readJson(CONFIG))
  if (!parsed.success) {
    throw new ConfigError(`${files.location}/${CONFIG} cannot be used:\n${z.prettifyError(parsed.error)}`)
  }
  const { r, lora_alpha, target_modules } = parsed.data
  return { rank: r, alpha: lora_alpha, targets: target_modules }
}

/** Reads the adapters' values from a directory. @throws CheckpointError when they do not fit */
export async function loadAdapters(
  adapters: LoraAdapters,
  from: string | PretrainedFiles,
  options: PretrainedOptions = {},
): Promise<void> {
  const files = typeof from === 'string' ? await resolvePretrained(from, options) : from
  const checkpoint = await openCheckpoint(files, { ...options, filename: WEIGHTS })
  try {
    const named = (name: string) => `${PREFIX}${name}`
    const foreign = checkpoint.names().find((name) => !name.startsWith(PREFIX))
    if (foreign)
      throw new CheckpointError(
        `${files.location}/${WEIGHTS} holds "${foreign}", which is none of peft's names`,
      )
    await adapters.loadStateDict(
      {
        names: () => checkpoint.names().map((name) => name.slice(PREFIX.length)),
        shape: (name) => checkpoint.info(named(name)).shape,
        read: (name) => checkpoint.readFloat32(named(name)),
      },
      { signal: options.signal },
    )
  } finally {
    await checkpoint.close()
  }
}

/**
 * Writes adapters into a directory that exists, as `PeftModel.from_pretrained` reads them (Node only).
 * @param baseModel what they were trained on, for people and tools to find it: a path or hub name
 */
export async function saveAdapters(
  adapters: LoraAdapters,
  directory: string,
  {
    rank,
    alpha,
    targets = ['q_proj', 'v_proj'],
    baseModel = null,
  }: LoraOptions & { baseModel?: string | null },
): Promise<void> {
  const tensors = [...adapters.namedParameters()].map(([name, { shape, value }]): [string, TensorToWrite] => [
    `${PREFIX}${name}`,
    { dtype: 'F32', shape, data: async () => (await tensorData(value)) as Float32Array<ArrayBuffer> },
  ])
  await writeSafetensors(`${directory}/${WEIGHTS}`, tensors, { metadata: { format: 'pt' } })
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel,
    r: rank,
    lora_alpha: alpha,
    target_modules: targets,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
  }
  await writeFileAtomic(`${directory}/${CONFIG}`, `${JSON.stringify(config, null, 2)}\n`)
}
