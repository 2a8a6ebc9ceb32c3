// The kinds of questions: each makes one of its kind, or null where the picture has none.
import type { Random } from '@ps3js/tensor'
import type { PictureKind } from './options.ts'
import { isCalled, type Scene } from './question-names.ts'
import { pick } from './splits.ts'
import type { SynthObject } from './types.ts'

/**
 * word, number: what is written on something; mark: the colour of a part of something; color: of a thing; count: how many
 * of a kind; compare: which of two.
 */
export type QuestionKind = 'word' | 'number' | 'mark' | 'color' | 'count' | 'compare'

/** A question whose objects are still numbers. */
export interface Drafted {
  question: string
  answer: string
  about: number[]
  around?: number[]
  /** Objects that would give another answer. */
  others: number[]
  /** Long side in pixels. */
  needs: number
}

/** Questions by what they ask for of what they name. */
export const ASKED_OF = {
  word: (name: string) => `What does ${name} say?`,
  number: (name: string) => `What number is on ${name}?`,
  color: (name: string) => `What colour is ${name}?`,
} as const

type Maker = (scene: Scene, random: Random) => Drafted | null

/** Answers to "how many": each is drawn as often, and the question left out where the picture has not so many. */
const COUNTS = [1, 2, 3, 4] as const
/** Of questions with these answers so many are kept: few scenes have three or four of a kind (measured on 60). */
const KEPT: Partial<Record<PictureKind, readonly number[]>> = { scenes: [0.22, 0.28, 0.41, 1] }

/** Longest text that an answer repeats. */
const MOST_LETTERS = 12
const NUMBER = /^[\d.:-]+$/

/** Of two lengths, the larger over the smaller; of two places, their distance as a share of the picture's long side. */
const CLEARLY = { larger: 1.25, apart: 0.1 }

export const MAKERS: Record<QuestionKind, Maker> = {
  word: (scene, random) => reading(scene, random, false),
  number: (scene, random) => reading(scene, random, true),
  mark: (scene, random) => coloring(scene, random, true),
  color: (scene, random) => coloring(scene, random, false),
  count: counting,
  compare: comparing,
}

function reading(scene: Scene, random: Random, isNumber: boolean): Drafted | null {
  const isAsked = ({ text }: SynthObject) =>
    text !== '' &&
    text.length <= MOST_LETTERS &&
    text.split(' ').length <= 2 &&
    NUMBER.test(text) === isNumber
  const candidates = indicesOf(scene, isAsked)
  if (candidates.length === 0) return null
  const i = pick(random, candidates)
  const name = scene.nameOf(i, 'text', random)
  if (!name) return null
  const { text, minResolution } = scene.objects[i]!
  return {
    question: ASKED_OF[isNumber ? 'number' : 'word'](name.text),
    answer: text,
    about: [i],
    around: [name.host ?? i],
    others: random.shuffle(candidates.filter((j) => scene.objects[j]!.text !== text)),
    needs: Math.max(name.needs, minResolution),
  }
}

/** Colours are drawn first, then one of their objects: common ones are asked for no more often. */
function coloring(scene: Scene, random: Random, isPart: boolean): Drafted | null {
  // The colour of print is nothing to ask about.
  const isPrint = ({ text, color }: SynthObject) => text !== '' && (color === 'black' || color === 'white')
  const candidates = scene.objects.flatMap((one, i) =>
    (scene.hosts[i] !== undefined) === isPart && !isPrint(one) ? [i] : [],
  )
  const named = candidates.flatMap((i) => {
    const name = scene.nameOf(i, 'color', random)
    return name ? [{ i, name, color: scene.objects[i]!.color }] : []
  })
  if (named.length === 0) return null
  const color = pick(random, [...new Set(named.map((one) => one.color))])
  const { i, name } = pick(
    random,
    named.filter((one) => one.color === color),
  )
  return {
    question: ASKED_OF.color(name.text),
    answer: color,
    about: [i],
    around: [name.host ?? i],
    others: random.shuffle(candidates.filter((j) => scene.objects[j]!.color !== color)),
    needs: name.needs,
  }
}

function counting(scene: Scene, random: Random): Drafted | null {
  const count = pick(random, COUNTS)
  // Of some things with writing there is always one: a clock, a title.
  const kinds = [...new Set(scene.objects.filter(({ text }) => text === '').map(({ kind }) => kind))]
  const fitting = kinds.filter((kind) => indicesOf(scene, (one) => isCalled(one, kind)).length === count)
  const kept = KEPT[scene.pictures]?.[count - 1] ?? 1
  if (fitting.length === 0 || random.uniform() > kept) return null
  const kind = pick(random, fitting)
  const about = indicesOf(scene, (one) => isCalled(one, kind))
  return {
    question: `How many ${plural(kind)} are there?`,
    answer: String(count),
    about,
    others: random.shuffle(indicesOf(scene, (one) => !isCalled(one, kind))),
    needs: Math.max(...about.map(scene.seenAt)),
  }
}

/** Two of one kind: of different kinds, one is mostly the larger, or the higher. */
function comparing(scene: Scene, random: Random): Drafted | null {
  const { objects, longSide } = scene
  const i = random.integer(Math.max(1, objects.length))
  const first = objects[i]
  if (!first) return null
  const isAlone = ({ kind, color }: SynthObject) =>
    indicesOf(scene, (one) => isCalled(one, kind) && one.color === color).length === 1
  const partners = indicesOf(
    scene,
    (one) => one.kind === first.kind && one.color !== first.color && isAlone(one),
  )
  if (!isAlone(first) || partners.length === 0) return null
  const j = pick(random, partners)
  const second = objects[j]!
  const [[x1, y1, x2, y2], [u1, v1, u2, v2]] = [first.box, second.box]
  const relation = pick(random, ['larger', 'further left', 'higher up'] as const)
  // Positive where the first is the answer; clear where it is 1 or more in size.
  const lead = {
    larger: Math.log(((x2 - x1) * (y2 - y1)) / ((u2 - u1) * (v2 - v1))) / (2 * Math.log(CLEARLY.larger)),
    'further left': (u1 + u2 - x1 - x2) / (2 * longSide * CLEARLY.apart),
    'higher up': (v1 + v2 - y1 - y2) / (2 * longSide * CLEARLY.apart),
  }[relation]
  if (Math.abs(lead) < 1) return null
  return {
    question: `Which ${first.kind} is ${relation}, the ${first.color} one or the ${second.color} one?`,
    answer: lead > 0 ? first.color : second.color,
    about: [i, j],
    others: random.shuffle(objects.map((_, k) => k).filter((k) => k !== i && k !== j)),
    needs: Math.max(scene.seenAt(i), scene.seenAt(j)),
  }
}

const indicesOf = ({ objects }: Scene, matches: (object: SynthObject) => boolean): number[] =>
  objects.flatMap((object, i) => (matches(object) ? [i] : []))

function plural(kind: string): string {
  if (/(s|x|ch|sh)$/.test(kind)) return `${kind}es`
  return /[^aeiou]y$/.test(kind) ? `${kind.slice(0, -1)}ies` : `${kind}s`
}
