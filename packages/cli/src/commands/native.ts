// `ps3 native …`: TensorFlow's own library as a backend.

import { installNative, type NativeStatus, type NativeVariantStatus, nativeStatus } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'

interface NativeFlags {
  gpu?: boolean
  cache?: string
  json?: boolean
}

export function registerNative(program: Command, context: CliContext): void {
  const native = program
    .command('native')
    .description("TensorFlow's own library, the fastest backend in Node")

  native
    .command('install')
    .description(
      'download TensorFlow and compile the addon with the fused operations; repeats nothing that is done',
    )
    .option(
      '--gpu',
      'the CUDA build: 2.5 GB to download, 4.0 GiB on disk; execution on a CUDA device is untested',
    )
    .option('--cache <dir>', 'where to keep it (default: $PS3_CACHE/native, else ~/.cache/ps3js/native)')
    .option('--json', 'print one JSON object')
    .action(async ({ gpu, cache, json }: NativeFlags) => {
      const status = await installNative({
        gpu,
        cacheDir: cache,
        signal: context.signal,
        onProgress: ({ step, detail, fraction }) => context.progress.step(`${step}: ${detail}`, fraction),
      })
      print(context, status, json)
    })

  native
    .command('status')
    .description('what is installed, and if it cannot be used, why')
    .option('--cache <dir>', 'where to look')
    .option('--json', 'print one JSON object')
    .action(async ({ cache, json }: NativeFlags) =>
      print(context, await nativeStatus({ cacheDir: cache }), json),
    )
}

function print({ stdout, progress }: CliContext, status: NativeStatus, json: boolean | undefined): void {
  progress.clear()
  stdout(json ? `${JSON.stringify(status)}\n` : table(status))
}

function table({ cacheDir, cpu, gpu }: NativeStatus): string {
  const rows = (
    name: string,
    { usable, reason, tensorflowVersion, source, fused, addonPath }: NativeVariantStatus,
  ) =>
    usable
      ? [
          [name, `TensorFlow ${tensorflowVersion ?? 'of unknown version'} (${source})`],
          ['', fused ? 'with fused operations' : 'plain operations only'],
          ['', addonPath ?? ''],
        ]
      : [[name, reason ?? 'not installed']]
  return [['cache', cacheDir], ...rows('node', cpu), ...rows('node-gpu', gpu)]
    .map(([name, text]) => `${name!.padEnd(10)}${text}\n`)
    .join('')
}
