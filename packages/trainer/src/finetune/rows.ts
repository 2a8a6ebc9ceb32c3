// Questions about pictures as a step takes them: token ids with labels on the answers.

import { IGNORED, type TextTokenizer } from '@ps3js/language-model'
import type { Box } from '@ps3js/patch-selector'
import type { RgbImage } from '@ps3js/ps3-encoder'
import { InvalidArgumentError } from '@ps3js/tensor'
import { PICTURE_TAG, questionRange } from '@ps3js/vila-hd'

/** A question about a picture, with its answer. Boxes are in pixels of `image`. */
export interface QuestionSample {
  /** At the model's size. Samples that share the very same object share its low-res pass. */
  image: RgbImage
  question: string
  answer: string
  /** What the accuracy is counted by. */
  kind: string
  /** What is asked about; none where nothing says where that is. */
  boxes: readonly Box[]
  /** Where to find that, where it is a part of something. Default: `boxes`. */
  around?: readonly Box[] | undefined
  /** Other objects, that may be taken for it, the most alike first. */
  distractors: readonly Box[]
  /** The long side that the picture needs for the answer to be told, in pixels. */
  minResolution?: number | undefined
}

/** A question's token ids. */
export interface QuestionIds {
  /** Chat template, picture tag, question, and what makes the model answer. */
  prompt: readonly number[]
  /** Where the question's own text lies in `prompt`: behind the picture tag, up to its end. */
  question: readonly [start: number, end: number]
  /** The answer, and what ends it. */
  answer: readonly number[]
}

/** One entry per sample everywhere. */
export interface QuestionBatch {
  readonly samples: readonly QuestionSample[]
  readonly ids: readonly QuestionIds[]
}

/** What spells questions: the parts of a `PictureAssistant`. */
export interface Speller {
  tokenizer: TextTokenizer
  /** Tokens that end an answer. */
  stopIds: readonly number[]
  imageTokenId: number
  promptEndIds: readonly number[]
}

/** @throws InvalidArgumentError when the chat template does not go on from the question to the answer */
export function spellQuestion(
  { question, answer }: Pick<QuestionSample, 'question' | 'answer'>,
  speller: Speller,
): QuestionIds {
  const { tokenizer, stopIds } = speller
  const asked = [{ role: 'user', content: `${PICTURE_TAG}${question}` }]
  const told = [...asked, { role: 'assistant', content: answer }]
  const before = tokenizer.renderChat(asked)
  const whole = tokenizer.renderChat(told, { addGenerationPrompt: false })
  if (!whole.startsWith(before)) {
    throw new InvalidArgumentError(
      `the chat template writes an answer other than behind the question:\n${whole}\ndoes not begin with\n${before}`,
    )
  }
  const prompt = tokenizer.encode(before)
  const rest = tokenizer.encode(whole.slice(before.length))
  const stop = rest.findIndex((id) => stopIds.includes(id))
  // A template without an end: the model's own.
  const ids = stop < 0 ? [...rest, ...stopIds.slice(0, 1)] : rest.slice(0, stop + 1)
  return { prompt, question: questionRange(prompt, speller), answer: ids }
}

/** Labels of prompt and answer together: only the answer counts. */
export function labelsOf({ prompt, answer }: QuestionIds): number[] {
  return [...prompt.map(() => IGNORED), ...answer]
}

/** Where the question is to look. */
export const regionOf = ({ boxes, around = boxes }: QuestionSample): readonly Box[] => around

/** Samples [start, end). */
export function sliceQuestions({ samples, ids }: QuestionBatch, start: number, end: number): QuestionBatch {
  return { samples: samples.slice(start, end), ids: ids.slice(start, end) }
}
