// `ps3 data propose DIR`: regions of pictures that are worth a caption.

import { detailProposer, type Proposer, proposeRegions } from '@ps3js/data-pipeline'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatCount } from '../format.ts'
import { share, whole } from '../option-values.ts'

interface Flags {
  out: string
  regions?: number
  overlap?: number
  type?: string
  concurrency?: number
  json?: boolean
}

export function registerPropose(data: Command, context: CliContext): void {
  data
    .command('propose')
    .description('find the regions of pictures that are worth a caption: dense in small things')
    .argument('<dir>', 'folder of pictures; `page.json` beside `page.png` gives a document its text')
    .option('--out <file>', 'file of regions to write', 'regions.jsonl')
    .option('--regions <n>', 'most regions in a picture (default: 4)', whole('--regions', 1))
    .option('--overlap <share>', 'how much of a region another may cover (default: 0.1)', share('--overlap'))
    .option('--type <name>', 'type of pictures without text of their own (default: natural)')
    .option('--concurrency <n>', 'pictures at a time (default: one per processor)', whole('--concurrency', 1))
    .option('--json', 'print one JSON object')
    .action(async (pictures: string, flags: Flags) => {
      const { signal, progress } = context
      const { out, type, concurrency } = flags
      const rule = {
        ...(flags.regions === undefined ? {} : { maxRegions: flags.regions }),
        ...(flags.overlap === undefined ? {} : { maxOverlap: flags.overlap }),
      }
      const proposer: Proposer = detailProposer()
      const result = await proposeRegions({
        ...{ pictures, out, type, concurrency, proposer, rule, signal },
        onProgress: (done) =>
          progress.step(
            `${done.pictures} of ${done.total} pictures, ${done.regions} regions`,
            done.pictures / done.total,
          ),
      })
      progress.clear()
      const { pictures: count, regions, skipped } = result
      const left = skipped > 0 ? `; ${formatCount(skipped)} skipped, ${out} says why` : ''
      context.stdout(
        flags.json
          ? `${JSON.stringify({ out, ...result })}\n`
          : `${out}: ${formatCount(regions)} regions in ${formatCount(count - skipped)} pictures${left}\n`,
      )
    })
}
