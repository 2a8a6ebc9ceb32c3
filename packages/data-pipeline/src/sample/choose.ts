// Which of its captions a sample shows: the global one, or some of its boxes with theirs.
// Source: NVlabs/PS3 (training data).

import { InvalidArgumentError } from '@ps3js/tensor'
import type { SampleRecord } from '../types.ts'
import { type Box, isVisible } from './boxes.ts'
import type { Crop } from './crop.ts'
import type { Draws } from './draws.ts'

export interface Choice {
  captions: string[]
  /** One for each caption; empty for a global caption. */
  boxes: Box[]
  /** Places of the captions in the record's `text`. */
  chosen: number[]
  isGlobalText: boolean
}

/**
 * @param globalCaptionProb probability of the global caption where there are boxes as well; null never takes it
 * @throws InvalidArgumentError when nothing can be chosen
 */
export function chooseCaptions(
  { text, box = [], global_text: globalText }: SampleRecord,
  { globalCaptionProb, boxesPerSample }: { globalCaptionProb: number | null; boxesPerSample: number },
  draws: Draws,
): Choice {
  const takesGlobal =
    globalCaptionProb !== null &&
    globalText !== undefined &&
    (!text?.length || draws.uniform(0, 1) < globalCaptionProb)
  if (takesGlobal) return { captions: [globalText].flat(), boxes: [], chosen: [], isGlobalText: true }
  if (!text?.length)
    throw new InvalidArgumentError('it has only a global caption, and globalCaptionProb is null')
  const chosen = draws.pick(text.length, Math.min(boxesPerSample, text.length))
  return {
    captions: chosen.map((i) => text[i]!),
    boxes: chosen.map((i) => box[i] as unknown as Box),
    chosen,
    isGlobalText: false,
  }
}

type Captions = Pick<SampleRecord, 'text' | 'box' | 'global_text'>

/** Whether `chooseCaptions` has anything to choose from. */
export const canChoose = ({ text = [], global_text }: Captions, globalCaptionProb: number | null): boolean =>
  text.length > 0 || (globalCaptionProb !== null && global_text !== undefined)

/** The captions that a choice has left over. */
export function without({ text, box, global_text }: Captions, { chosen, isGlobalText }: Choice): Captions {
  const rest = keep({ text, box }, (i) => !chosen.includes(i))
  return isGlobalText || global_text === undefined ? rest : { ...rest, global_text }
}

/** The captions of which a crop shows something. */
export function onlyVisible({ text, box = [], global_text }: Captions, crop: Crop): Captions {
  const rest = keep({ text, box }, (i) => isVisible(box[i] as unknown as Box, crop))
  return global_text === undefined ? rest : { ...rest, global_text }
}

const keep = ({ text = [], box = [] }: Captions, isKept: (i: number) => boolean): Captions => ({
  text: text.filter((_, i) => isKept(i)),
  box: box.filter((_, i) => isKept(i)),
})
