// Questions: answers that follow from the objects, boxes of what they ask about, and nothing for a reader without eyes.
import { InvalidArgumentError } from '@ps3js/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { drawMarks } from './marks.ts'
import type { PictureKind } from './options.ts'
import { drawOnCanvas } from './platform/node/draw.ts'
import type { QuestionKind } from './question-kinds.ts'
import { askQuestions, QUESTIONS_ABOUT, type SynthQuestion } from './questions.ts'
import { RESOLUTIONS } from './resolution.ts'
import { pictureRandom } from './seeding.ts'
import { drawShapes } from './shapes.ts'
import { splitOfWord } from './splits.ts'
import type { Box, Split, SynthObject } from './types.ts'

const SIZE = 1024
const KINDS: readonly PictureKind[] = ['scenes', 'documents', 'shapes', 'marks']

interface Asked {
  kind: PictureKind
  objects: readonly SynthObject[]
  rows: SynthQuestion[]
}

async function ask(kind: PictureKind, index: number, split: Split = 'train'): Promise<Asked> {
  const random = pictureRandom(21, index)
  const options = { random, width: SIZE, height: SIZE, size: SIZE, split }
  const { objects } =
    kind === 'shapes'
      ? drawShapes(options)
      : kind === 'marks'
        ? drawMarks(options)
        : await drawOnCanvas(kind, options)
  return { kind, objects, rows: askQuestions(objects, { kind, random, count: 20, longSide: SIZE }) }
}

const asked: Asked[] = []
beforeAll(async () => {
  for (const kind of KINDS) for (let i = 0; i < 8; i++) asked.push(await ask(kind, i))
}, 120_000)

const equal = (a: Box, b: Box) => a.every((value, i) => value === b[i])
const inside = (a: Box, b: Box) =>
  a[0] >= b[0] - 2 && a[1] >= b[1] - 2 && a[2] <= b[2] + 2 && a[3] <= b[3] + 2
const middle = ([x1, y1, x2, y2]: Box) => [(x1 + x2) / 2, (y1 + y2) / 2] as const

/** What the objects under a row's boxes say to its question. */
function answerOf({ kind, question, boxes }: SynthQuestion, objects: readonly SynthObject[]): string {
  const about = boxes.map((box) => objects.find((one) => equal(one.box, box))!)
  if (kind === 'word' || kind === 'number') return about[0]!.text
  if (kind === 'count') return String(objects.filter((one) => one.kind === about[0]!.kind).length)
  if (kind !== 'compare') return about[0]!.color
  const areas = boxes.map(([x1, y1, x2, y2]) => (x1 - x2) * (y2 - y1))
  const keys = question.includes('larger')
    ? areas
    : boxes.map((box) => middle(box)[question.includes('left') ? 0 : 1])
  return about[keys[0]! < keys[1]! ? 0 : 1]!.color
}

describe('askQuestions', () => {
  it('asks every kind about the pictures that have it, each question once', () => {
    for (const kind of KINDS) {
      const rows = asked.filter((one) => one.kind === kind).flatMap((one) => one.rows)
      const kinds = new Set(rows.map((row) => row.kind))
      expect([...kinds].toSorted(), kind).toEqual([...QUESTIONS_ABOUT[kind]].toSorted())
    }
    for (const { rows } of asked) expect(new Set(rows.map(({ question }) => question)).size).toBe(rows.length)
  })

  it('gives the answer that the objects in its boxes have, and others in its distractors', () => {
    for (const { objects, rows } of asked)
      for (const row of rows) {
        expect(answerOf(row, objects), row.question).toBe(row.answer)
        expect(row.boxes.length).toBe(
          row.kind === 'count' ? Number(row.answer) : row.kind === 'compare' ? 2 : 1,
        )
        for (const box of row.distractors) {
          const other = objects.find((one) => equal(one.box, box))!
          expect(row.boxes.some((asked) => equal(asked, box))).toBe(false)
          if (row.kind === 'word' || row.kind === 'number') expect(other.text).not.toBe(row.answer)
          if (row.kind === 'mark' || row.kind === 'color') expect(other.color).not.toBe(row.answer)
        }
      }
  })

  it('takes a name for whatever may be called by it: a shop sign is a sign', () => {
    const at = (i: number): Box => [100 * i, 0, 100 * i + 40 + 20 * i, 40 + 20 * i]
    const objects = ['sign', 'shop sign', 'sign', 'street sign'].map(
      (kind, i): SynthObject => ({
        box: at(i),
        kind,
        color: ['red', 'red', 'green', 'blue'][i]!,
        text: ['TRAM', 'TEA', 'STOP', 'NORTH'][i]!,
        caption: kind,
        minResolution: 300,
        split: 'train',
      }),
    )
    const random = pictureRandom(9, 0)
    const rows = askQuestions(objects, { kind: 'scenes', random, count: 40, longSide: SIZE })
    const questions = rows.map(({ question }) => question)
    expect(questions).toContain('What does the green sign say?')
    expect(questions).toContain('What does the shop sign say?')
    for (const question of questions) {
      expect(question).not.toMatch(/the red sign|the sign (say|on)|the blue sign/)
      if (question.startsWith('Which sign')) expect(question).not.toContain('red')
    }
  })

  it('asks nothing that is too fine for the picture, and never about white on white paper', () => {
    const random = pictureRandom(6, 0)
    const { objects } = drawMarks({ random, size: 512 })
    const fine = objects.filter(({ minResolution }) => minResolution > 512)
    expect(fine.length).toBeGreaterThan(0)
    const rows = askQuestions(objects, { kind: 'marks', random, count: 60, longSide: 512 })
    expect(rows.length).toBeGreaterThan(20)
    for (const { kind, boxes } of rows)
      if (kind === 'word' || kind === 'number')
        expect(fine.some(({ box }) => equal(box, boxes[0]!))).toBe(false)
    const bars = asked.flatMap((one) => one.objects).filter(({ kind }) => kind === 'bar' || kind === 'swatch')
    expect(bars.length).toBeGreaterThan(0)
    expect(bars.filter(({ color }) => color === 'white')).toEqual([])
  })

  it('says where a part is to be found', () => {
    const rows = asked.filter(({ kind }) => kind === 'marks').flatMap((one) => one.rows)
    const parts = rows.filter(({ question }) => question.includes(' on the ') && !question.includes(' that '))
    expect(parts.length).toBeGreaterThan(20)
    for (const { boxes, around } of parts.filter(({ around, boxes }) => !equal(around[0]!, boxes[0]!)))
      expect(inside(boxes[0]!, around[0]!)).toBe(true)
  })

  it('never names what it asks for', () => {
    for (const { rows } of asked)
      for (const { kind, question, answer } of rows) {
        if (kind === 'compare') continue
        const words = question.toLowerCase().replace('?', '').split(' ')
        // "the orange button": of its host a colour may be the answer too, by chance.
        if (kind === 'color') expect(words, question).not.toContain(answer)
        if (kind === 'word' && answer.length > 3) expect(question).not.toContain(answer)
      }
  })

  it('needs at least the resolution of what it asks for, and as much in a picture of any size', () => {
    for (const { objects, rows } of asked)
      for (const { kind, boxes, minResolution } of rows) {
        expect(RESOLUTIONS).toContain(minResolution)
        if (kind !== 'word' && kind !== 'number') continue
        const { minResolution: needed } = objects.find((one) => equal(one.box, boxes[0]!))!
        expect(minResolution).toBeGreaterThanOrEqual(needed)
      }
    const large = pictureRandom(3, 0)
    const { objects } = drawMarks({ random: large, size: 3780 })
    const rows = askQuestions(objects, { kind: 'marks', random: large, count: 60, longSide: 3780 })
    expect(new Set(rows.map((row) => row.minResolution))).toEqual(new Set(RESOLUTIONS))
  })

  it('asks the same for the same seed, and writes the words of the split', async () => {
    expect(await ask('marks', 3)).toEqual(await ask('marks', 3))
    for (const split of ['train', 'heldout'] as const)
      for (const kind of ['scenes', 'marks'] as const)
        for (const row of (await ask(kind, 1, split)).rows)
          if (row.kind === 'word' || row.kind === 'number')
            // Digits are of both.
            for (const word of row.answer.split(' '))
              if (word.length > 1) expect(splitOfWord(word), word).toBe(split)
  })

  it('says what it cannot do', () => {
    const options = { kind: 'marks', random: pictureRandom(0, 0), count: 1.5, longSide: SIZE } as const
    expect(() => askQuestions([], options)).toThrow(InvalidArgumentError)
    expect(askQuestions([], { ...options, count: 3 })).toEqual([])
  })
})

describe('a reader without eyes', () => {
  /** Chance, and what a guesser may reach: the rest is noise of the sample and colours that a kind of thing has not. */
  const MOST: Record<QuestionKind, number> = {
    word: 0.05,
    number: 1 / 10 + 0.06,
    mark: 1 / 8 + 0.06,
    // Every shape is trained in six of the eight colours.
    color: 1 / 6 + 0.08,
    count: 1 / 3 + 0.06,
    compare: 1 / 2 + 0.06,
  }

  /** What is most often the answer where `features` are the same, learned on one half, tried on the other. */
  function guess(rows: readonly SynthQuestion[], features: (row: SynthQuestion) => string): number {
    const seen = new Map<string, Map<string, number>>()
    const tried = rows.filter((_, i) => i % 2 === 1)
    const isFirst = ({ question, answer }: SynthQuestion) =>
      question.indexOf(` ${answer} `) < question.lastIndexOf(' or ')
    const sign = (row: SynthQuestion) => (row.kind === 'compare' ? String(isFirst(row)) : row.answer)
    for (const row of rows.filter((_, i) => i % 2 === 0)) {
      const answers = seen.get(features(row)) ?? new Map<string, number>()
      seen.set(features(row), answers.set(sign(row), (answers.get(sign(row)) ?? 0) + 1))
    }
    const best = (row: SynthQuestion) =>
      [...(seen.get(features(row)) ?? [])].toSorted((a, b) => b[1] - a[1])[0]?.[0]
    return tried.filter((row) => best(row) === sign(row)).length / tried.length
  }

  it('stays at chance: the commonest answer, also for the thing asked about, over 2,000 questions', () => {
    const rows: SynthQuestion[] = []
    for (let i = 0; rows.length < 4000; i++) {
      const random = pictureRandom(31, i)
      const { objects } = drawMarks({ random, size: 1000 })
      rows.push(...askQuestions(objects, { kind: 'marks', random, count: 12, longSide: 1000 }))
    }
    for (const kind of QUESTIONS_ABOUT.marks) {
      const of = rows.filter((row) => row.kind === kind)
      expect(of.length, kind).toBeGreaterThan(150)
      const thing = ({ question }: SynthQuestion) => question.split(/ that says| on the|[?,]/)[0]!
      for (const features of [() => '', thing]) expect(guess(of, features), kind).toBeLessThan(MOST[kind])
    }
  })
})
