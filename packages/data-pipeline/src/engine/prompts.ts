// What a vision model is asked, as templates: {{x1}}, {{place}}, … stand for the region at hand.

import { InvalidArgumentError } from '@ps3js/tensor'
import type { Box } from './boxes.ts'

export interface CaptionPrompts {
  /** Sent with the whole picture, then the close-up. */
  region: string
  /** Sent with the whole picture alone. */
  global: string
}

/**
 * The lead-ins and the closing sentence on missing text that models like to add are cut off again when samples are read,
 * as the reference does.
 */
export const defaultPrompts: CaptionPrompts = {
  region: [
    'The first image is a whole picture of {{width}} x {{height}} pixels. The second image is a close-up of its {{place}},',
    'from ({{x1}}, {{y1}}) to ({{x2}}, {{y2}}). Describe what the close-up shows in two to five plain sentences: the',
    'objects with their colours and materials, how they lie to each other, and word for word any text that can be read.',
    'Use the first image only to understand the second. Do not guess, and do not speak of images or close-ups.',
  ].join(' '),
  global: [
    'Describe this picture in three to six plain sentences: what kind of picture it is, the main objects with their',
    'colours, how they lie to each other, and word for word the text that can be read. Do not guess.',
  ].join(' '),
}

const REGION_NAMES = ['x1', 'y1', 'x2', 'y2', 'width', 'height', 'place']
const GLOBAL_NAMES = ['width', 'height']

/** @throws InvalidArgumentError when a template is empty or has a placeholder that nothing fills */
export function checkPrompts(prompts: CaptionPrompts): void {
  for (const [kind, names] of [
    ['region', REGION_NAMES],
    ['global', GLOBAL_NAMES],
  ] as const) {
    if (prompts[kind].trim() === '') throw new InvalidArgumentError(`the ${kind} prompt is empty`)
    for (const [found, name] of prompts[kind].matchAll(/\{\{\s*(.*?)\s*\}\}/g)) {
      if (names.includes(name!)) continue
      throw new InvalidArgumentError(
        `the ${kind} prompt has ${found}; there are ${names.map((one) => `{{${one}}}`).join(', ')}`,
      )
    }
  }
}

/** The prompt for a region, or for the whole picture (`box` null). */
export function fillPrompt(prompts: CaptionPrompts, box: Box | null, width: number, height: number): string {
  const values: Record<string, string> = { width: String(width), height: String(height) }
  if (box) {
    for (const [i, name] of (['x1', 'y1', 'x2', 'y2'] as const).entries())
      values[name] = String(Math.round(box[i]!))
    values.place = placeOf(box, width, height)
  }
  return prompts[box ? 'region' : 'global'].replaceAll(
    /\{\{\s*(.*?)\s*\}\}/g,
    (_, name: string) => values[name] ?? '',
  )
}

/** Such as "upper left part". */
function placeOf([x1, y1, x2, y2]: Box, width: number, height: number): string {
  const third = (value: number, names: readonly string[]) => names[Math.min(2, Math.floor(3 * value))]!
  const across = third((x1 + x2) / 2 / width, ['left', '', 'right'])
  const down = third((y1 + y2) / 2 / height, ['upper', '', 'lower'])
  return across || down ? `${[down, across].filter(Boolean).join(' ')} part` : 'centre'
}
