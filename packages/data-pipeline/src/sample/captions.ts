// What a training sample keeps of its captions. Source: NVlabs/PS3 (training data): lead-ins and remarks about missing
// text go, a run of sentences stays, and several captions become one.

import type { Draws } from './draws.ts'

const LEAD_INS = ['The second image is a close-up of', 'The image is a close-up of']

const sentencesOf = (text: string): string[] => text.split(/(?<=[.!?]) +/)

/** Without lead-ins, and without a last sentence that speaks of visible text (if it is not the only one). */
export function filterCaption(caption: string): string {
  const text = LEAD_INS.reduce((rest, leadIn) => rest.replaceAll(leadIn, ''), caption)
  const sentences = sentencesOf(text)
  const last = sentences.at(-1)!
  if (sentences.length > 1 && last.includes('text') && last.includes('visible')) sentences.pop()
  return sentences.join(' ')
}

/** A run of sentences that starts at one of the first three. */
export function maskSentences(caption: string, draws: Draws): string {
  const sentences = sentencesOf(caption)
  const start = draws.integer(0, Math.min(sentences.length - 1, 2))
  const count = draws.integer(1, sentences.length - start)
  return sentences.slice(start, start + count).join(' ')
}

/** Of n captions' sentences one n-th, in their order. */
export function mergeCaptions(captions: readonly string[], draws: Draws): string {
  const sentences = captions.flatMap(sentencesOf)
  const kept = draws.pick(sentences.length, Math.floor(sentences.length / captions.length))
  return kept
    .sort((a, b) => a - b)
    .map((i) => sentences[i])
    .join(' ')
}
