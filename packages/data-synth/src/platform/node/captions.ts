// Captions that name one object and no other in its picture.
import type { Random } from '@ps3js/tensor'
import type { ColorName } from '../../colors.ts'
import { pick } from '../../splits.ts'

/** What is known of an object before it has a caption. */
export interface Facts {
  kind: string
  color: ColorName
  /** What is written on it. */
  text?: string
  /** Height of its lower-case x, in pixels: with `text` only. */
  xHeight?: number
  /** Leaves the colour out of the caption: black print is nothing to speak of. */
  isPlain?: boolean
}

/** Share of the picture's long side below which an object is called small, and above which it is called large. */
const SMALL = 0.035
const LARGE = 0.16

/** Longest text that a caption repeats in full, in words. */
const QUOTED_WORDS = 5

/**
 * One caption each, in order: kinds and colours where these are enough, the text where they are not.
 * `share`: the object's longer side as a share of the picture's.
 */
export function writeCaptions(objects: readonly (Facts & { share: number })[], random: Random): string[] {
  const count = (matches: (facts: Facts) => boolean) => objects.filter(matches).length
  return objects.map((facts) => {
    const { kind, color, text, share, isPlain } = facts
    const size = share < SMALL ? 'small ' : share > LARGE ? 'large ' : ''
    const shade = isPlain ? '' : `${color} `
    if (text === undefined) return pick(random, [`the ${color} ${kind}`, `the ${size}${color} ${kind}`])
    const says = text.split(' ').length > QUOTED_WORDS ? 'that begins with' : 'that says'
    const quoted = text.split(' ').slice(0, QUOTED_WORDS).join(' ')
    const options = [
      `${article(size + kind)} ${size}${kind} ${says} ${quoted}`,
      `the ${shade}${kind} ${says} ${quoted}`,
      `${article(shade + kind)} ${size}${shade}${kind} ${says} ${quoted}`,
    ]
    // The colour alone is enough for one object in a few: the text must be read for most.
    if (!isPlain && count((other) => other.kind === kind && other.color === color) === 1)
      options.push(`the ${color} ${kind}`)
    return pick(random, options)
  })
}

const article = (phrase: string) => (/^[aeiou]/.test(phrase) ? 'an' : 'a')
