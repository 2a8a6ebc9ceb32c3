// `ps3 data synth`: synthetic pictures with exact truth, as shards to train on.

import { PICTURE_KINDS, type PictureKind, type Split, synthesize } from '@ps3js/data-synth'
import { InvalidArgumentError } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../format.ts'
import { oneOf, whole } from '../option-values.ts'

interface SynthFlags {
  kind: PictureKind
  count: number
  size?: { width: number; height: number }
  seed: number
  split: Split
  questions: number
  workers?: number
  out: string
  json?: boolean
}

/** The scales of PS3 at 4K end there; shapes are a toy. */
const DEFAULT_SIZE = {
  scenes: { width: 3780, height: 3780 },
  documents: { width: 3780, height: 3780 },
  shapes: { width: 480, height: 480 },
  marks: { width: 3780, height: 3780 },
} as const

export function registerSynth(data: Command, context: CliContext): void {
  data
    .command('synth')
    .description('draw synthetic pictures with exact boxes and captions, as shards')
    .requiredOption('--kind <kind>', PICTURE_KINDS.join(', '), oneOf('--kind', PICTURE_KINDS))
    .requiredOption('--count <n>', 'how many pictures', whole('--count', 1))
    .requiredOption('--out <dir>', 'directory of the shards; the same command goes on where it stopped')
    .option('--size <WxH>', 'pixels, such as 3840x2160 (default: 3780x3780, shapes 480x480)', size)
    .option('--seed <n>', 'another seed, other pictures', whole('--seed'), 0)
    .option(
      '--split <split>',
      'train, or heldout: fonts, words and colour + object combinations that train never shows',
      oneOf('--split', ['train', 'heldout']),
      'train' as const,
    )
    .option('--questions <n>', 'questions with answers and boxes about each picture', whole('--questions'), 0)
    .option('--workers <n>', 'threads; 0 draws in the main one (default: one per core)', whole('--workers'))
    .option('--json', 'print one JSON object')
    .action(async ({ kind, out, size = DEFAULT_SIZE[kind], json, ...flags }: SynthFlags) => {
      const { signal, progress, stdout } = context
      const begun = performance.now()
      let earlier: number | undefined
      const index = await synthesize({
        ...flags,
        ...size,
        kind,
        directory: out,
        signal,
        onProgress: ({ pictures, total }) => {
          earlier ??= pictures
          progress.step(`drawing ${kind}, ${pictures} of ${total}`, pictures / total)
        },
      })
      progress.clear()
      const seconds = (performance.now() - begun) / 1000
      const drawn = index.samples - (earlier ?? 0)
      const bytes = index.shards.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0)
      stdout(
        json
          ? `${JSON.stringify({ out, pictures: index.samples, shards: index.shards.length, bytes, drawn, seconds })}\n`
          : `${out}: ${index.samples} pictures in ${index.shards.length} shard(s), ${formatBytes(bytes)}; ` +
              `${drawn} drawn in ${seconds.toFixed(1)} s (${(drawn / seconds).toFixed(1)} a second)\n`,
      )
    })
}

/** `WxH` in pixels. */
function size(text: string): { width: number; height: number } {
  const match = /^(\d{1,5})x(\d{1,5})$/.exec(text.trim())
  if (!match)
    throw new InvalidArgumentError(`--size ${text}: give width x height in pixels, such as 3840x2160`)
  return { width: Number(match[1]), height: Number(match[2]) }
}
