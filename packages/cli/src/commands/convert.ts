// `ps3 convert IN OUT`: number type, shards and names of a checkpoint.

import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, resolvePretrained } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { convertCheckpoint, type Layout } from '../convert/convert.ts'
import { formatBytes } from '../format.ts'
import { byteSize, oneOf } from '../option-values.ts'
import { withStaging } from '../staging.ts'

interface ConvertFlags {
  dtype?: 'f32' | 'f16' | 'bf16'
  quantize?: 'int8' | 'int4' | 'bf16' | 'f16'
  shardSize?: number
  to?: Layout
  force?: boolean
  json?: boolean
}

export function registerConvert(program: Command, context: CliContext): void {
  program
    .command('convert')
    .description('rewrite a checkpoint: number type, shards, names')
    .argument('<in>', 'directory, URL or hub name of a checkpoint')
    .argument('<out>', 'directory to write')
    .option(
      '--dtype <type>',
      'f32, f16 or bf16 (default: as stored)',
      oneOf('--dtype', ['f32', 'f16', 'bf16']),
    )
    .option(
      '--quantize <format>',
      "store a language model's matrices as int8 or int4 (for this package only), bf16 or f16 (like --dtype)",
      oneOf('--quantize', ['int8', 'int4', 'bf16', 'f16']),
    )
    .option('--shard-size <bytes>', 'largest file, such as 2GB (default: 5 GB)', byteSize('--shard-size'))
    .option(
      '--to <layout>',
      'names of the released layout (hf) or of OpenCLIP training',
      oneOf('--to', ['hf', 'openclip']),
    )
    .option('--force', 'write into a directory that is not empty')
    .option('--json', 'print one JSON object')
    .action(async (input: string, output: string, flags: ConvertFlags) => {
      const { signal, progress } = context
      const { quantize } = flags
      if (quantize && (flags.dtype || flags.to)) {
        throw new InvalidArgumentError('--quantize goes neither with --dtype nor with --to: convert first')
      }
      const half = quantize === 'bf16' || quantize === 'f16' ? quantize : undefined
      if (!flags.force) await requireEmpty(output)
      const files = await resolvePretrained(input, { signal })
      const write = (directory: string) =>
        convertCheckpoint(files, directory, {
          dtype: (half ?? flags.dtype)?.toUpperCase() as 'F32' | 'F16' | 'BF16' | undefined,
          quantize: quantize === 'int8' || quantize === 'int4' ? quantize : undefined,
          maxShardBytes: flags.shardSize,
          to: flags.to,
          signal,
          onProgress: ({ loaded, total }) =>
            progress.step('writing weights', total ? loaded / total : undefined),
        })
      const written = await withStaging(output, write, () => removeWeights(output))
      progress.clear()
      context.stdout(
        flags.json
          ? `${JSON.stringify({ out: output, ...written })}\n`
          : `${output}: ${written.files.length} file(s) of weights, ${formatBytes(written.totalBytes)}\n`,
      )
    })
}

async function requireEmpty(directory: string): Promise<void> {
  const entries = await readdir(directory).catch(() => [])
  if (entries.length > 0) {
    throw new InvalidArgumentError(`${directory} is not empty: choose another directory, or say --force`)
  }
}

/** Shards of another split, or a single file, left beside the new ones would be taken for them. */
async function removeWeights(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (/^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/.test(name)) await rm(join(directory, name))
  }
}
