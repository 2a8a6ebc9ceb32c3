// Rounding a checkpoint's matrices to 8 or 4 bits: `x.weight` becomes the integers (I8 or U8, rows filled up to whole groups
// of 32, two to a byte with 4 bits) and `x.weight_scale` (F32, a factor for each group); all else stays as it is.

import {
  type Checkpoint,
  ConfigError,
  groupsOf,
  PACKED_GROUP,
  packMatrix,
  requireFinite,
  type TensorToWrite,
  typedView,
} from '@ps3js/tensor'
import { parseLanguageModelConfig } from '../config.ts'

export type QuantizedFormat = 'int8' | 'int4'

/** Of the factors beside a quantised matrix. */
export const SCALES = '_scale'

const MATRICES = /(^|\.)(\w+_proj|embed_tokens|lm_head)\.weight$/

/** The shape of a quantised matrix's integers: whole groups, two to a byte with four bits. */
export function quantizedShape(
  [rows = 0, columns = 0]: readonly number[],
  format: QuantizedFormat,
): number[] {
  return [rows, (groupsOf(columns) * PACKED_GROUP) / (format === 'int8' ? 1 : 2)]
}

/**
 * The tensors of a checkpoint as `writeSharded` takes them. A matrix is read once for its integers and once for its scales.
 * Fetching one that holds NaN or infinite values throws CheckpointError.
 */
export function quantizedTensors(
  checkpoint: Checkpoint,
  format: QuantizedFormat,
  signal?: AbortSignal,
): [string, TensorToWrite][] {
  return checkpoint.names().flatMap((name): [string, TensorToWrite][] => {
    const { dtype, shape } = checkpoint.info(name)
    if (!MATRICES.test(name))
      return [[name, { dtype, shape, data: () => checkpoint.readTyped(name, signal) }]]
    const [rows, columns] = shape as [number, number]
    const packed = async () => {
      const values = await checkpoint.readFloat32(name, { signal })
      requireFinite(values, name)
      return packMatrix(values, columns, format)
    }
    const type = format === 'int8' ? 'I8' : 'U8'
    return [
      [
        name,
        {
          dtype: type,
          shape: quantizedShape(shape, format),
          data: async () => typedView(type, (await packed()).bytes),
        },
      ],
      [
        `${name}${SCALES}`,
        {
          dtype: 'F32',
          shape: [rows, groupsOf(columns)],
          data: async () => (await packed()).scales as Float32Array<ArrayBuffer>,
        },
      ],
    ]
  })
}

/**
 * The `config.json` of a quantised copy of a model.
 *
 * @throws ConfigError when it is not that of a Qwen2 model, or of one that is quantised already
 */
export function quantizedConfig(json: unknown, format: QuantizedFormat): Record<string, unknown> {
  const { quantization } = parseLanguageModelConfig(json)
  if (quantization) {
    throw new ConfigError(
      `the weights are ${quantization} already: quantise the checkpoint that they were made from`,
    )
  }
  return {
    ...(json as Record<string, unknown>),
    quantization_config: { quant_method: 'ps3', bits: format === 'int8' ? 8 : 4, group_size: PACKED_GROUP },
  }
}
