// Questions about a drawn picture, with exact answers, the boxes that hold them, and the resolution that they need.
// Whoever does not see the picture can only guess: what is asked for, and in which order, favours no answer.
import { InvalidArgumentError, type Random } from '@ps3js/tensor'
import type { PictureKind } from './options.ts'
import { type Drafted, MAKERS, type QuestionKind } from './question-kinds.ts'
import { nameObjects } from './question-names.ts'
import { RESOLUTIONS, type Resolution } from './resolution.ts'
import type { Box, SynthObject } from './types.ts'

/** What can be asked about each kind of picture without one answer being more likely than the others. */
export const QUESTIONS_ABOUT: Record<PictureKind, readonly QuestionKind[]> = {
  scenes: ['word', 'number', 'mark', 'color', 'count', 'compare'],
  documents: ['word', 'number', 'compare'],
  shapes: ['color', 'compare'],
  marks: ['word', 'number', 'mark', 'color', 'count', 'compare'],
}

/** Boxes are in pixels of the picture. */
export interface SynthQuestion {
  question: string
  /** A word or two, or a number. */
  answer: string
  kind: QuestionKind
  /** Of what is asked about: both of two that are compared, all that are counted. */
  boxes: Box[]
  /** Where to find that: of a part, what it lies on ("the dot on the red ring"); else `boxes` again. */
  around: Box[]
  /** Of other objects for which the same kind of question has another answer, the most alike first: at most sixteen. */
  distractors: Box[]
  /** The smallest of 378, 756, 1512 and 3780 pixels, as the picture's long side, at which the answer can be told. */
  minResolution: Resolution
}

export interface AskOptions {
  /** Of picture. */
  kind: PictureKind
  random: Random
  /** How many; fewer where the picture does not have so many. */
  count: number
  /** The picture's, in pixels. */
  longSide: number
}

const MOST_DISTRACTORS = 16
const TRIES = 30

/**
 * Different questions about the objects of one picture, of random kinds.
 * @throws InvalidArgumentError for a count that is no whole number
 */
export function askQuestions(objects: readonly SynthObject[], options: AskOptions): SynthQuestion[] {
  const { random, count, longSide } = options
  const kinds = QUESTIONS_ABOUT[options.kind]
  if (!Number.isInteger(count) || count < 0)
    throw new InvalidArgumentError(`questions ${count}: give a whole number from 0`)
  const scene = nameObjects(options.kind, objects, longSide)
  const asked = new Map<string, SynthQuestion>()
  for (let tries = TRIES * count; tries > 0 && asked.size < count; tries--) {
    const kind = kinds[random.integer(kinds.length)]!
    const draft = MAKERS[kind](scene, random)
    // What is too fine for the picture itself cannot be told at any resolution.
    const isShown = draft && draft.needs <= longSide
    const needed = isShown && RESOLUTIONS.find((resolution) => resolution >= draft.needs)
    if (!needed || asked.has(draft.question)) continue
    asked.set(draft.question, { ...rowOf(draft, objects), kind, minResolution: needed })
  }
  return [...asked.values()]
}

function rowOf({ question, answer, about, around, others }: Drafted, objects: readonly SynthObject[]) {
  const boxes = (indices: readonly number[]) => indices.map((i) => objects[i]!.box)
  const kinds = new Set(about.map((i) => objects[i]!.kind))
  const isAlike = (i: number) => Number(kinds.has(objects[i]!.kind))
  return {
    question,
    answer,
    boxes: boxes(about),
    around: boxes(around ?? about),
    distractors: boxes(others.toSorted((a, b) => isAlike(b) - isAlike(a)).slice(0, MOST_DISTRACTORS)),
  }
}
