// The report of an answer: for each picture where was looked, and what the language model read.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RgbImage } from '@ps3js/ps3-encoder'
import type { BackendInfo } from '@ps3js/tensor'
import type { PictureAssistant, PictureLook } from '@ps3js/vila-hd'
import type { CliContext } from '../context.ts'
import type { LookedPicture } from '../encode/encode-picture.ts'
import { summarize } from '../encode/summary.ts'
import { drawFigures } from '../report/figures.ts'
import { outputFolders } from '../report/folders.ts'
import { reportHtml } from '../report/html.ts'
import { withStaging } from '../staging.ts'
import { type Answered, billRows, savings } from './answering.ts'
import type { LookFlags } from './look-flags.ts'

export interface Shown {
  paths: readonly string[]
  images: readonly RgbImage[]
  question: string
  answered: Answered
  flags: LookFlags
}

/** Writes a folder for each picture that was looked at closely, all of them or none. Returns the pages' paths. */
export async function writeReports(
  directory: string,
  { paths, images, question, answered, flags }: Shown,
  { model }: PictureAssistant,
  name: string,
  backend: BackendInfo,
  { signal }: Pick<CliContext, 'signal'>,
): Promise<string[]> {
  if (answered.looks.length === 0) return []
  const folders = outputFolders(paths)
  const section = {
    question,
    answer: answered.text,
    bill: billRows(answered.bill),
    note: savings(answered.bill),
  }
  await withStaging(directory, async (staged) => {
    for (const [i, look] of answered.looks.entries()) {
      const folder = join(staged, folders[i]!)
      await mkdir(folder, { recursive: true })
      const picture = lookedPicture(paths[i]!, images[i]!, look, answered)
      const { box: boxes, looks, tokens, perScale, coverage, scales } = flags
      const choices = { prompt: question, boxes, looks, tokens, perScale, coverage, scales }
      const summary = summarize(picture, { encoder: model.vision_tower, name }, choices, backend)
      const pixels = summary.scales.map((scale) => scale.pixels)
      const { figures } = await drawFigures(folder, picture, pixels, signal)
      await writeFile(join(folder, 'report.html'), reportHtml(summary, figures, section))
      signal.throwIfAborted()
    }
  })
  return answered.looks.map((_, i) => join(directory, folders[i]!, 'report.html'))
}

function lookedPicture(
  path: string,
  image: RgbImage,
  look: PictureLook,
  { stages }: Answered,
): LookedPicture {
  const { sizes, looks, selection, probabilities } = look
  const { height, width } = sizes[0]!.grid
  return {
    path,
    image,
    stages,
    encoding: {
      sizes,
      selections: [selection],
      looks: looks.map((one) => [one]),
      probabilities: {
        bottomUp: [probabilities.bottomUp],
        topDown: probabilities.topDown && [probabilities.topDown],
      },
      lowResTokenCount: height * width,
    },
  }
}
