// `ps3 info REF`: what a checkpoint holds.

import { resolvePretrained } from '@ps3js/tensor'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { formatBytes, formatCount } from '../format.ts'
import { type CheckpointInfo, checkpointInfo, type PartInfo } from '../info/info.ts'

export function registerInfo(program: Command, context: CliContext): void {
  program
    .command('info')
    .description('what a checkpoint holds')
    .argument('<ref>', 'directory, URL or hub name of a checkpoint')
    .option('--json', 'print one JSON object')
    .action(async (ref: string, { json }: { json?: boolean }) => {
      const files = await resolvePretrained(ref, { signal: context.signal })
      const info = await checkpointInfo(files, context.signal)
      context.stdout(json ? `${JSON.stringify(info)}\n` : describe(info))
    })
}

function describe(info: CheckpointInfo): string {
  const sizes = (part: PartInfo) => `${formatCount(part.parameters)} parameters, ${formatBytes(part.bytes)}`
  const rows: [string, string][] = [
    ['checkpoint', info.location],
    ['holds', `${info.kind} (${info.layout} names)`],
    [
      'trunk',
      `${info.model ?? 'text tower'}: width ${info.width}, ${info.depth} blocks, ${info.heads} heads`,
    ],
  ]
  if (info.scales) rows.push(['scales', `${info.scales.join(', ')} px in patches of ${info.patchSize} px`])
  if (info.budget) rows.push(['per look', `${info.budget.join(' + ')} patches`])
  rows.push(['tokenizer', info.tokenizer ?? 'none named'])
  for (const [part, total] of Object.entries(info.parts)) rows.push([part, sizes(total)])
  for (const [dtype, total] of Object.entries(info.dtypes)) rows.push([dtype, sizes(total)])
  rows.push(['in all', sizes(info.total)])
  return rows.map(([name, text]) => `${name.padEnd(18)}${text}\n`).join('')
}
