// `ps3 data inspect SHARDS`: a contact sheet and statistics of a dataset.

import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { contactSheet, type Inspection, inspectDataset, openDataset } from '@ps3js/data-pipeline'
import { fileError } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatCount, formatTable } from '../format.ts'
import { whole } from '../option-values.ts'

interface Flags {
  records?: string
  out: string
  pictures: number
  limit?: number
  seed: number
  json?: boolean
}

export function registerInspect(data: Command, context: CliContext): void {
  data
    .command('inspect')
    .description('one page with pictures, boxes, captions and statistics, and what was skipped and why')
    .argument('<shards>', 'a folder that `ps3 data pack` wrote, or tars: path{000000..000012}.tar, https://…')
    .option('--records <shards>', 'tars of records, when the shards hold pictures alone')
    .option('--out <file>', 'the page to write', 'contact-sheet.html')
    .option('--pictures <n>', 'pictures to show, drawn from all', whole('--pictures'), 48)
    .option('--limit <n>', 'look at no more than this many samples', whole('--limit', 1))
    .option('--seed <n>', 'draws which pictures are shown', whole('--seed'), 0)
    .option('--json', 'print one JSON object')
    .action(async (shards: string, { records, out, json, ...options }: Flags) => {
      const { signal, progress, stdout } = context
      const { source } = await openDataset(shards, records)
      const inspection = await inspectDataset(source, {
        ...options,
        signal,
        onProgress: ({ samples, shard, shards: all }) =>
          progress.step(`${formatCount(samples)} samples, shard ${shard + 1} of ${all}`),
      })
      await writeWhole(out, contactSheet(basename(shards), inspection))
      progress.clear()
      const { shown, ...numbers } = inspection
      stdout(json ? `${JSON.stringify({ out, ...numbers })}\n` : `${summary(inspection)}${out}\n`)
    })
}

function summary({ samples, shards, skippedCount, skippedBy, distributions }: Inspection): string {
  const short = (value: number) => String(Number(value.toPrecision(4)))
  const rows = Object.entries(distributions).flatMap(([name, found]) =>
    found ? [[name, ...[found.min, found.median, found.mean, found.max].map(short)]] : [],
  )
  const skips = Object.entries(skippedBy).map(([reason, count]) => `  ${formatCount(count)} x ${reason}\n`)
  return `${formatCount(samples)} samples in ${shards} shards, ${formatCount(skippedCount)} skipped\n${skips.join('')}${formatTable([['', 'least', 'median', 'mean', 'most'], ...rows])}`
}

/** The file is there when it is whole. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`)
  try {
    await writeFile(temporary, text)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw fileError(error, 'write', path)
  }
}
