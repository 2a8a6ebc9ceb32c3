// `ps3 data verify SHARDS`: pairs, records, boxes and checksums of a dataset, with a list of what is wrong.

import { type DatasetProblem, openDataset, verifyDataset } from '@ps3js/data-pipeline'
import type { Command } from 'commander'
import { EXIT } from '../cli-errors.ts'
import type { CliContext } from '../context.ts'
import { formatCount } from '../format.ts'

interface Flags {
  records?: string
  decode?: boolean
  json?: boolean
}

export function registerVerifyData(data: Command, context: CliContext): void {
  data
    .command('verify')
    .description('check pairs, records, boxes inside pictures, and checksums where the folder has an index')
    .argument('<shards>', 'a folder that `ps3 data pack` wrote, or tars: path{000000..000012}.tar, https://…')
    .option('--records <shards>', 'tars of records, when the shards hold pictures alone')
    .option('--decode', 'decode every picture to its end, not its header alone')
    .option('--json', 'print one JSON object')
    .action(async (shards: string, { records, decode, json }: Flags) => {
      const { signal, progress, stdout } = context
      const { source, index } = await openDataset(shards, records)
      const problems: DatasetProblem[] = []
      const report = await verifyDataset(source, {
        ...(index && { written: { directory: shards, index } }),
        decode: decode ?? false,
        signal,
        onProblem: (problem) => {
          progress.clear()
          if (json) problems.push(problem)
          else stdout(line(problem))
        },
        onProgress: ({ samples, shard, shards: all }) =>
          progress.step(`${formatCount(samples)} samples, shard ${shard + 1} of ${all}`),
      })
      progress.clear()
      if (json) stdout(`${JSON.stringify({ ...report, problems })}\n`)
      else {
        const sums = index ? `, ${formatCount(report.checkedFiles)} files with the right checksum` : ''
        const verdict =
          report.problems === 0
            ? 'nothing wrong'
            : `${formatCount(report.problems)} ${report.problems === 1 ? 'problem' : 'problems'}`
        stdout(`${formatCount(report.samples)} samples in ${source.names.length} shards${sums}: ${verdict}\n`)
      }
      if (report.problems > 0) process.exitCode = EXIT.failed
    })
}

const line = ({ shard, key, reason }: DatasetProblem): string =>
  `${shard}${key === undefined ? '' : ` "${key}"`}: ${reason}\n`
