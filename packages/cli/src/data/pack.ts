// `ps3 data pack CAPTIONS`: captioned regions as paired shards.

import { packRegions } from '@ps3js/data-pipeline'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatBytes, formatCount } from '../format.ts'
import { byteSize, whole } from '../option-values.ts'

interface Flags {
  out: string
  shardSamples?: number
  shardSize?: number
  single?: boolean
  json?: boolean
}

export function registerPack(data: Command, context: CliContext): void {
  data
    .command('pack')
    .description('pack captioned regions and their pictures into shards to train from')
    .argument('<captions>', 'file of regions with captions, from `ps3 data caption`')
    .requiredOption('--out <dir>', 'directory to write')
    .option('--shard-samples <n>', 'most samples in a shard (default: 1000)', whole('--shard-samples', 1))
    .option('--shard-size <bytes>', 'largest shard, such as 500MB (default: 1 GB)', byteSize('--shard-size'))
    .option('--single', 'pictures and records in one tar instead of two')
    .option('--json', 'print one JSON object')
    .action(async (captions: string, flags: Flags) => {
      const { signal, progress } = context
      const { index, ...summary } = await packRegions({
        ...{ captions, out: flags.out, maxSamples: flags.shardSamples, maxBytes: flags.shardSize, signal },
        layout: flags.single ? 'single' : 'paired',
        onProgress: ({ samples }) => progress.step(`${samples} samples packed`),
      })
      progress.clear()
      const bytes = index.shards.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0)
      const { samples, skipped, badBoxes, lastSkip } = summary
      const notes = [
        ...(skipped > 0
          ? [`${formatCount(skipped)} skipped${lastSkip ? `, the last one: ${lastSkip}` : ''}`]
          : []),
        ...(badBoxes > 0 ? [`${formatCount(badBoxes)} boxes were none, or outside of their picture`] : []),
      ]
      context.stdout(
        flags.json
          ? `${JSON.stringify({ out: flags.out, ...summary, shards: index.shards.length, bytes })}\n`
          : [
              `${flags.out}: ${formatCount(samples)} samples in ${index.shards.length} shards, ${formatBytes(bytes)}`,
              ...notes,
            ]
              .map((line) => `${line}\n`)
              .join(''),
      )
    })
}
