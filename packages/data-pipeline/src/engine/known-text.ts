// Documents come with their text: `page.json` beside `page.png`, in the format of records, one box per line or word.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError, ResourceError } from '@ps3js/tensor'
import { type Box, boxArea, clipBox, holdsCentre } from './boxes.ts'
import type { EncodedPicture } from './picture.ts'
import type { Mask } from './proposer.ts'

export interface KnownText {
  type: string
  lines: { text: string; box: Box }[]
  globalText: string
}

/** The text beside a picture, or null. @throws ResourceError when it is malformed or its boxes are another picture's */
export async function readKnownText(root: string, picture: EncodedPicture): Promise<KnownText | null> {
  const name = picture.name.replace(/\.[^./]+$/, '.json')
  const path = join(root, name)
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw fileError(error, 'read', path)
  }
  const { text, box, global_text: globalText, type } = record(content, name)
  if (!Array.isArray(text) || !Array.isArray(box) || text.length !== box.length || text.length === 0) {
    throw new ResourceError(
      `${name}: give {"text": […], "box": [[x1, y1, x2, y2], …]} with a box for each text`,
    )
  }
  const lines = text.map((one: unknown, i) => {
    const clipped = clipBox(box[i], picture.width, picture.height)
    if (typeof one === 'string' && clipped) return { text: one.trim(), box: clipped }
    throw new ResourceError(
      `${name}: text ${i} has the box ${JSON.stringify(box[i])} in a picture of ${picture.width} x ${picture.height}`,
    )
  })
  const legible = lines.filter((line) => line.text !== '')
  return {
    type: typeof type === 'string' ? type : 'document',
    lines: legible,
    globalText: typeof globalText === 'string' ? globalText : legible.map((line) => line.text).join('\n'),
  }
}

export function masksOfText({ lines }: KnownText): Mask[] {
  return lines.map(({ box }) => ({ box, area: boxArea(box) }))
}

/** What is written in a region, in the order in which the file has it. */
export function textIn(region: Box, { lines }: KnownText): string {
  return lines
    .filter(({ box }) => holdsCentre(region, box))
    .map(({ text }) => text)
    .join('\n')
}

function record(content: string, name: string): Record<string, unknown> {
  try {
    const value = JSON.parse(content) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (cause) {
    throw new ResourceError(`${name} is no JSON`, { cause })
  }
  throw new ResourceError(`${name} is no JSON object`)
}
