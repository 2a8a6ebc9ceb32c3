// Loading and saving a language model's directory: config.json and safetensors, as transformers lays them out.

import {
  alignedFloat32,
  type Checkpoint,
  CheckpointError,
  openCheckpoint,
  type PretrainedFiles,
  type PretrainedOptions,
  resolvePretrained,
  type StateSource,
  tensorData,
  type WrittenShards,
  writeFileAtomic,
  writeSharded,
} from '@ps3js/tensor'
import { languageModelConfigJson, parseLanguageModelConfig } from '../config.ts'
import type { LayerFactory } from '../model/layers.ts'
import { Qwen2 } from '../model/qwen2.ts'
import { quantizedShape, SCALES } from './quantize.ts'

export interface LoadModelOptions extends PretrainedOptions {
  /** How the layers hold their weights. Default: as `ps3 convert --quantize` has packed them, else float32. */
  layers?: LayerFactory
  /** Called as weights are read, with numbers of values. */
  onWeights?: (progress: { name: string; loaded: number; total: number }) => void
}

/**
 * Loads the weights of a directory, a base URL, or `owner/name[@revision]` of the hub: one file or shards, in float32, or
 * in half precision, which becomes float32.
 *
 * @throws ConfigError, CheckpointError or ResourceError, which name the file and what to do
 */
export async function loadModel(
  from: string | PretrainedFiles,
  options: LoadModelOptions = {},
): Promise<Qwen2> {
  const files = typeof from === 'string' ? await resolvePretrained(from, options) : from
  const model = new Qwen2(parseLanguageModelConfig(await files.readJson('config.json')), options.layers)
  const checkpoint = await openCheckpoint(files, options)
  try {
    const source = modelSource(checkpoint, model, options.signal)
    await model.loadStateDict(source, { signal: options.signal, onProgress: options.onWeights })
    return model
  } catch (error) {
    model.dispose()
    if (!(error instanceof CheckpointError)) throw error
    throw new CheckpointError(`${files.location}: ${error.message}`, { cause: error })
  } finally {
    await checkpoint.close()
  }
}

/**
 * An open checkpoint to load from. Files of the bare decoder lack the names' `model.` in front; a matrix of int8 or int4
 * stands there as its integers and, under a name of their own, its scales.
 */
function modelSource(checkpoint: Checkpoint, model: Qwen2, signal?: AbortSignal): StateSource {
  const stored = checkpoint.names()
  const bare = stored.includes('embed_tokens.weight')
  const names = new Map(
    stored.map((name) => [bare && !name.startsWith('lm_head.') ? `model.${name}` : name, name]),
  )
  const parameters = new Map(model.namedParameters())
  const scalesOf = (name: string) => {
    const own = `${names.get(name)}${SCALES}`
    return checkpoint.has(own) ? own : undefined
  }
  const isScales = (name: string) => name.endsWith(SCALES) && names.has(name.slice(0, -SCALES.length))
  return {
    names: () => [...names.keys()].filter((name) => !isScales(name)),
    shape: (name) => {
      const { shape } = checkpoint.info(names.get(name)!)
      const wanted = parameters.get(name)?.shape ?? []
      const { quantization } = model.config
      if (!quantization || !scalesOf(name)) return shape
      return String(quantizedShape(wanted, quantization)) === String(shape) ? wanted : shape
    },
    async read(name) {
      if (scalesOf(name)) {
        throw new CheckpointError(
          `tensor "${name}" is quantised, but config.json has no quantization_config, or the layers hold their weights otherwise`,
        )
      }
      return checkpoint.readFloat32(names.get(name)!, { allocate: alignedFloat32, signal })
    },
    async readPacked(name, format) {
      const own = names.get(name)!
      const scales = scalesOf(name)
      if (format === 'bf16' || format === 'f16') {
        if (checkpoint.info(own).dtype !== format.toUpperCase()) return null
        return { bytes: await checkpoint.read(own, signal) }
      }
      if (!scales || format !== model.config.quantization) return null
      return {
        bytes: await checkpoint.read(own, signal),
        scales: await checkpoint.readFloat32(scales, { signal }),
      }
    },
  }
}

/** Writes `config.json` and the weights of a model, which transformers reads; default: in float32. */
export async function saveModel(
  model: Qwen2,
  directory: string,
  options: { dtype?: 'F32' | 'F16' | 'BF16'; maxShardBytes?: number; signal?: AbortSignal } = {},
): Promise<WrittenShards> {
  const tensors = [...model.namedParameters()].map(
    ([name, { shape, value }]) =>
      [
        name,
        {
          dtype: 'F32' as const,
          shape,
          data: async () => (await tensorData(value)) as Float32Array<ArrayBuffer>,
        },
      ] as const,
  )
  const written = await writeSharded(directory, tensors, options)
  const config = languageModelConfigJson(model.config, options.dtype)
  await writeFileAtomic(`${directory}/config.json`, `${JSON.stringify(config, null, 2)}\n`)
  return written
}
