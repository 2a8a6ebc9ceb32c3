// A sample's record: JSON whose captions and boxes belong together, or a reason why they cannot be used.

import { InvalidArgumentError } from '@ps3js/tensor'
import type { SampleRecord } from '../types.ts'

/**
 * Parses and checks a record: as many captions as boxes, four finite numbers a box, captions that are texts; likewise its
 * questions.
 *
 * @throws InvalidArgumentError saying what is wrong
 */
export function parseRecord(bytes: Uint8Array): SampleRecord {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new InvalidArgumentError(`its record is not JSON (${(cause as Error).message})`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError('its record is no object of text, box and global_text')
  }
  const { text, box, global_text: globalText, type, questions } = value as Record<string, unknown>
  if (text === undefined && box === undefined && globalText === undefined) {
    throw new InvalidArgumentError('its record has neither text and box nor global_text')
  }
  if (text !== undefined && !isTexts(text)) throw new InvalidArgumentError('text must be a list of captions')
  if (box !== undefined && !Array.isArray(box)) throw new InvalidArgumentError('box must be a list of boxes')
  const [captions, boxes] = [text?.length ?? 0, box?.length ?? 0]
  if (captions !== boxes) {
    throw new InvalidArgumentError(`it has ${captions} captions (text) for ${boxes} boxes (box)`)
  }
  box?.forEach(checkBox)
  if (globalText !== undefined && typeof globalText !== 'string' && !isTexts(globalText)) {
    throw new InvalidArgumentError('global_text must be a caption or a list of captions')
  }
  const empty = text?.findIndex(isBlank) ?? -1
  if (empty >= 0) throw new InvalidArgumentError(`caption ${empty} (text) is empty`)
  const overall = globalText === undefined ? [] : [globalText].flat()
  if (globalText !== undefined && (overall.length === 0 || overall.some(isBlank))) {
    throw new InvalidArgumentError('global_text is empty')
  }
  if (captions === 0 && overall.length === 0) throw new InvalidArgumentError('it has no caption at all')
  if (type !== undefined && type !== null && typeof type !== 'string') {
    throw new InvalidArgumentError('type must be a text')
  }
  if (questions !== undefined) checkQuestions(questions)
  return value as SampleRecord
}

function checkQuestions(questions: unknown): void {
  if (!Array.isArray(questions)) throw new InvalidArgumentError('questions must be a list')
  for (const [i, one] of questions.entries()) {
    const { question, answer, boxes, around = [], distractors = [] } = Object(one) as Record<string, unknown>
    if (typeof question !== 'string' || typeof answer !== 'string' || isBlank(question) || isBlank(answer)) {
      throw new InvalidArgumentError(`question ${i} needs a text for question and one for answer`)
    }
    for (const list of [boxes, around, distractors]) {
      if (!Array.isArray(list))
        throw new InvalidArgumentError(`question ${i} has boxes that are no list: give at least boxes: []`)
      list.forEach(checkBox)
    }
  }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

const isBlank = (text: string): boolean => text.trim() === ''

function checkBox(box: unknown, i: number): void {
  const shown = JSON.stringify(box)?.slice(0, 80)
  if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite)) {
    throw new InvalidArgumentError(`box ${i} is ${shown}, not four numbers [x1, y1, x2, y2]`)
  }
  const [x1, y1, x2, y2] = box as [number, number, number, number]
  if (x2 < x1 || y2 < y1) throw new InvalidArgumentError(`box ${i} ${shown} ends before it starts`)
  if (x2 === x1 || y2 === y1) throw new InvalidArgumentError(`box ${i} ${shown} has no area`)
}
