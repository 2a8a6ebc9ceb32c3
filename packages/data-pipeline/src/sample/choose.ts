// Which of its captions a sample shows: the global one, or some of its boxes with theirs.
// Source: NVlabs/PS3 (training data).

import { InvalidArgumentError } from '@ps3js/tensor'
import type { SampleRecord } from '../types.ts'
import type { Box } from './boxes.ts'
import type { Draws } from './draws.ts'

export interface Choice {
  captions: string[]
  /** One for each caption; empty for a global caption. */
  boxes: Box[]
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
  if (takesGlobal) return { captions: [globalText].flat(), boxes: [], isGlobalText: true }
  if (!text?.length)
    throw new InvalidArgumentError('it has only a global caption, and globalCaptionProb is null')
  const chosen = draws.pick(text.length, Math.min(boxesPerSample, text.length))
  return {
    captions: chosen.map((i) => text[i]!),
    boxes: chosen.map((i) => box[i] as unknown as Box),
    isGlobalText: false,
  }
}
