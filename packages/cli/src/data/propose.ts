// `ps3 data propose DIR`: regions of pictures that are worth a caption.

import {
  detailProposer,
  type Proposer,
  type ProposeSummary,
  proposeRegions,
  samProposer,
} from '@ps3js/data-pipeline'
import { InvalidArgumentError } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatCount } from '../format.ts'
import { share, whole } from '../option-values.ts'

interface Flags {
  out: string
  regions?: number
  overlap?: number
  type?: string
  samEncoder?: string
  samDecoder?: string
  samPoints?: number
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
    .option('--sam-encoder <file>', 'find things with segment-anything: ONNX file of its image encoder')
    .option('--sam-decoder <file>', 'ONNX file of its prompt decoder (needs onnxruntime-node)')
    .option('--sam-points <n>', 'points a side (default: 24)', whole('--sam-points', 1))
    .option('--concurrency <n>', 'pictures at a time (default: one per processor)', whole('--concurrency', 1))
    .option('--json', 'print one JSON object')
    .action(async (pictures: string, flags: Flags) => {
      const { signal, progress } = context
      const { out, type, concurrency } = flags
      const rule = {
        ...(flags.regions === undefined ? {} : { maxRegions: flags.regions }),
        ...(flags.overlap === undefined ? {} : { maxOverlap: flags.overlap }),
      }
      const proposer = await proposerOf(flags)
      try {
        const result = await proposeRegions({
          ...{ pictures, out, type, concurrency, proposer, rule, signal },
          onProgress: (done) =>
            progress.step(
              `${done.pictures} of ${done.total} pictures, ${done.regions} regions`,
              done.pictures / done.total,
            ),
        })
        progress.clear()
        context.stdout(flags.json ? `${JSON.stringify({ out, ...result })}\n` : summaryOf(out, result))
      } finally {
        await proposer.close?.()
      }
    })
}

function summaryOf(out: string, { pictures, regions, skipped }: ProposeSummary): string {
  const left = skipped > 0 ? `; ${formatCount(skipped)} skipped, ${out} says why` : ''
  return `${out}: ${formatCount(regions)} regions in ${formatCount(pictures - skipped)} pictures${left}\n`
}

async function proposerOf({ samEncoder, samDecoder, samPoints }: Flags): Promise<Proposer> {
  if (samEncoder && samDecoder) {
    return samProposer({ encoder: samEncoder, decoder: samDecoder, pointsPerSide: samPoints })
  }
  if (samEncoder || samDecoder || samPoints) {
    throw new InvalidArgumentError(
      'segment-anything has two files: give --sam-encoder and --sam-decoder together, or neither',
    )
  }
  return detailProposer()
}
