// `ps3 encode IMAGE…`: pictures to features, overlays and a report.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Box } from '@ps3js/patch-selector'
import { type BackendChoice, type BackendInfo, InvalidArgumentError, useBackend } from '@ps3js/tensor'
import type { Command } from 'commander'
import { backendChoice } from '../backend-choice.ts'
import type { CliContext } from '../context.ts'
import { type EncodeChoices, encodePicture } from '../encode/encode-picture.ts'
import { loadModel, type ModelInUse } from '../encode/model.ts'
import { type PictureSummary, peakMemory, summarize } from '../encode/summary.ts'
import { type StoredDtype, writeFeatures } from '../encode/write-features.ts'
import { formatCount, formatDuration, formatShare } from '../format.ts'
import { box, isBox, oneOf, share, whole, wholeList, wholeOrAll } from '../option-values.ts'
import { drawFigures } from '../report/figures.ts'
import { outputFolders } from '../report/folders.ts'
import { reportHtml } from '../report/html.ts'
import { withStaging } from '../staging.ts'

interface EncodeFlags extends Omit<EncodeChoices, 'boxes'> {
  model?: string
  box: Box[]
  backend: BackendChoice
  dtype: 'f32' | 'f16' | 'bf16'
  out: string
  json?: boolean
}

export function registerEncode(program: Command, context: CliContext): void {
  program
    .command('encode')
    .description('encode pictures: the whole at low resolution, then closely where it matters')
    .argument('<image...>', 'JPEG, PNG, WebP, AVIF or TIFF files')
    .option('--model <ref>', 'directory, URL or hub name of a checkpoint (default: PS3-Tiny)')
    .option('--prompt <text>', 'look where this is; without it the learned prior decides')
    .option('--box <x1,y1,x2,y2>', 'look only here, in pixels of the picture; more may follow', collect, [])
    .option('--looks <n>', 'number of looks, or all', wholeOrAll('--looks'))
    .option('--tokens <n>', 'total number of patches to look at, or all', wholeOrAll('--tokens'))
    .option('--per-scale <a,b,c>', 'patches per look at each scale above the first', wholeList('--per-scale'))
    .option('--coverage <p>', 'as few patches as hold this share of the probability', share('--coverage'))
    .option('--scales <n>', 'only the first n scales above the low-res one', whole('--scales', 1))
    .option(
      '--hidden-states <layers>',
      'outputs of these blocks too, such as 3,5',
      wholeList('--hidden-states'),
    )
    .option(
      '--backend <name>',
      'cpu, wasm, node, node-gpu or webgpu, or several in order',
      backendChoice,
      'auto',
    )
    .option(
      '--dtype <type>',
      'how features are stored: f32, f16 or bf16',
      oneOf('--dtype', ['f32', 'f16', 'bf16']),
      'f32',
    )
    .option('--out <dir>', 'where to write; several pictures get a folder each', 'out')
    .option('--json', 'print one JSON object instead of lines')
    .action(async (given: string[], flags: EncodeFlags) => {
      // `--box` takes one box, as pictures may follow it; further boxes arrive among the pictures.
      const images = given.filter((argument) => !isBox(argument))
      const boxes = [...flags.box, ...given.filter(isBox).map(box)]
      if (images.length === 0) throw new InvalidArgumentError('name at least one picture to encode')
      const summaries = await encodeAll(images, { ...flags, box: boxes }, context)
      context.progress.clear()
      if (flags.json) context.stdout(`${JSON.stringify({ out: flags.out, pictures: summaries })}\n`)
      else for (const summary of summaries) context.stdout(describe(summary))
    })
}

/** Everything is written beside `--out` and moved in when all pictures are done. */
async function encodeAll(
  images: string[],
  flags: EncodeFlags,
  context: CliContext,
): Promise<(PictureSummary & { out: string })[]> {
  const backend = await useBackend(flags.backend)
  const model = await loadModel(flags.model, context)
  try {
    return await withStaging(flags.out, async (directory) => {
      const folders = outputFolders(images)
      const summaries: (PictureSummary & { out: string })[] = []
      for (const [i, image] of images.entries()) {
        const folder = join(directory, folders[i]!)
        await mkdir(folder, { recursive: true })
        const summary = await encodeOne(image, folder, model, backend, flags, context)
        summaries.push({ ...summary, out: join(flags.out, folders[i]!) })
      }
      return summaries
    })
  } finally {
    model.encoder.dispose()
  }
}

async function encodeOne(
  path: string,
  folder: string,
  model: ModelInUse,
  backend: BackendInfo,
  flags: EncodeFlags,
  context: CliContext,
): Promise<PictureSummary> {
  const { prompt, looks, tokens, perScale, coverage, scales, hiddenStates } = flags
  const choices: EncodeChoices = {
    prompt,
    boxes: flags.box,
    looks,
    tokens,
    perScale,
    coverage,
    scales,
    hiddenStates,
  }
  const encoded = await encodePicture(path, model, choices, context)
  try {
    const started = performance.now()
    context.progress.step(`${path}: writing`)
    const summary = summarize(encoded, model, choices, backend)
    await writeFeatures(folder, encoded, summary, flags.dtype.toUpperCase() as StoredDtype, context.signal)
    const pixels = summary.scales.map((scale) => scale.pixels)
    const { figures } = await drawFigures(folder, encoded, pixels, context.signal)
    const stages = [...summary.stages, { name: 'write' as const, milliseconds: performance.now() - started }]
    const finished = { ...summary, stages, peakMemoryBytes: peakMemory() }
    await writeFile(join(folder, 'report.html'), reportHtml(finished, figures))
    context.signal.throwIfAborted()
    return finished
  } finally {
    encoded.encoding.dispose()
  }
}

function collect(text: string, boxes: Box[]): Box[] {
  return [...boxes, box(text)]
}

function describe({
  picture,
  tokens,
  stages,
  backend,
  flops,
  out,
}: PictureSummary & { out: string }): string {
  const time = stages.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const lines = [
    `${picture}: ${formatCount(tokens.highRes)} of ${formatCount(tokens.allHighRes)} patches looked at closely (${formatShare(tokens.highRes / tokens.allHighRes)}), in ${formatDuration(time)} on ${backend.describe}`,
    `  ${(flops.everything / flops.total).toFixed(1)} times less compute than encoding everything`,
    `  ${join(out, 'report.html')}`,
  ]
  return `${lines.join('\n')}\n`
}
