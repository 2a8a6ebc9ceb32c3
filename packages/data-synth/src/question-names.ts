// How a question names an object without giving away what it asks for, and what must be seen to find it by that name.
import type { Random } from '@ps3js/tensor'
import type { PictureKind } from './options.ts'
import { MIN_OBJECT_PIXELS, minResolution } from './resolution.ts'
import { pick } from './splits.ts'
import type { Box, SynthObject } from './types.ts'

/** What a question must not mention of the object that it is about. */
type Hidden = 'color' | 'text'

interface Name {
  text: string
  /** The object on which this one lies, where the name says so. */
  host?: number
  /** Long side in pixels at which the name's object can be found. */
  needs: number
}

export interface Scene {
  pictures: PictureKind
  objects: readonly SynthObject[]
  longSide: number
  /** Of every object the one that it is a part of, if any. */
  hosts: readonly (number | undefined)[]
  /** Long side in pixels at which an object's form and colour can be told, whatever is written on it. */
  seenAt: (i: number) => number
  /** A name that fits this object alone; null if there is none. */
  nameOf: (i: number, hidden: Hidden, random: Random) => Name | null
}

/** Words of a text by which an object may be named. */
const MOST_WORDS = 2

export function nameObjects(pictures: PictureKind, objects: readonly SynthObject[], longSide: number): Scene {
  const hosts = objects.map((_, i) => hostOf(objects, i))
  const seenAt = (i: number) => {
    const [x1, y1, x2, y2] = objects[i]!.box
    return minResolution(longSide, Math.min(x2 - x1, y2 - y1), MIN_OBJECT_PIXELS)
  }
  const tally = (keyOf: (object: SynthObject, i: number) => unknown) => {
    const keys = objects.map(keyOf)
    const isAlone = objects.map(
      ({ kind }, i) =>
        objects.filter((other, j) => keys[j] === keys[i] && isCalled(other, kind)).length === 1,
    )
    return (i: number) => isAlone[i]!
  }
  const alone = {
    kind: tally(() => true),
    look: tally(({ color }) => color),
    text: tally(({ text }) => text),
    part: tally((_, i) => hosts[i]),
  }
  const look = (i: number): Name | null => {
    const { color, kind } = objects[i]!
    return alone.look(i) ? { text: `the ${color} ${kind}`, needs: seenAt(i) } : null
  }
  const nameOf = (i: number, hidden: Hidden, random: Random): Name | null => {
    const { kind, text, minResolution: readAt } = objects[i]!
    const host = hosts[i]
    const names: (Name | null)[] = []
    if (alone.kind(i)) names.push({ text: `the ${kind}`, needs: seenAt(i) })
    if (hidden !== 'color') names.push(look(i))
    if (hidden !== 'text' && text && text.split(' ').length <= MOST_WORDS && alone.text(i))
      names.push({ text: `the ${kind} that says ${text}`, needs: Math.max(readAt, seenAt(i)) })
    if (host !== undefined && alone.part(i)) {
      const on = look(host)
      if (on) names.push({ text: `the ${kind} on ${on.text}`, host, needs: Math.max(on.needs, seenAt(i)) })
    }
    const fitting = names.filter((name) => name !== null)
    return fitting.length > 0 ? pick(random, fitting) : null
  }
  return { pictures, objects, longSide, hosts, seenAt, nameOf }
}

/** Whether an object may be called by a kind's name: a street sign is a sign, too. */
export const isCalled = ({ kind }: SynthObject, name: string): boolean =>
  kind === name || kind.endsWith(` ${name}`)

const areaOf = ([x1, y1, x2, y2]: Box) => Math.max(0, x2 - x1) * Math.max(0, y2 - y1)

/** The smallest object in whose box nine tenths of this one lie. */
function hostOf(objects: readonly SynthObject[], i: number): number | undefined {
  const { box } = objects[i]!
  let found: number | undefined
  for (const [j, { box: other }] of objects.entries()) {
    const shared: Box = [
      Math.max(box[0], other[0]),
      Math.max(box[1], other[1]),
      Math.min(box[2], other[2]),
      Math.min(box[3], other[3]),
    ]
    const isWithin = areaOf(other) > 1.5 * areaOf(box) && areaOf(shared) > 0.9 * areaOf(box)
    if (j !== i && isWithin && (found === undefined || areaOf(other) < areaOf(objects[found]!.box))) found = j
  }
  return found
}
