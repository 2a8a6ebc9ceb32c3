// What the tests of captioning share: a file of regions, a server's usual answers, and reading the result.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { CaptionOptions } from './caption.ts'
import { answer, type Reply, writePictures } from './engine.fixture.ts'
import { proposeRegions } from './propose.ts'
import { type PictureRegions, regionLines } from './regions-file.ts'

/** Short pauses, so that tests do not wait; a long limit, so that a busy machine is not taken for a server that hangs. */
export const quick = { model: 'tiny-vl', backOffMs: 1, timeoutMs: 30_000 }

export const answerAll: Reply = (response, { prompt, pictures }) =>
  answer(
    response,
    `${pictures === 2 ? 'A patch' : 'All'} ${createHash('sha256').update(prompt).digest('hex').slice(0, 8)}.`,
  )

/** `count` pictures with their regions proposed (two each); gives the options of a run. */
export async function prepared(directory: string, count: number): Promise<Omit<CaptionOptions, 'server'>> {
  const regions = join(directory, 'regions.jsonl')
  await writePictures(join(directory, 'pictures'), count)
  await proposeRegions({ pictures: join(directory, 'pictures'), out: regions, rule: { maxRegions: 2 } })
  return { regions, out: join(directory, 'captions.jsonl') }
}

export async function captionsOf(path: string): Promise<PictureRegions[]> {
  const lines: PictureRegions[] = []
  for await (const line of regionLines(path)) if (!('skipped' in line)) lines.push(line)
  return lines
}
