// Captions that name one object and no other in its picture.
import type { Random } from '@ps3js/tensor'
import type { ColorName } from '../../colors.ts'
import { pick } from '../../splits.ts'
import { withArticle } from '../../words.ts'

/** What is known of an object before it has a caption. */
export interface Facts {
  kind: string
  color: ColorName
  /** What is written on it. */
  text?: string
  /** Height of its lower-case x, in pixels: with `text` only. */
  xHeight?: number
  /** Another description that fits this object alone: "the price of TEA". */
  also?: string
  /** Leaves the colour out of the caption: black print is nothing to speak of. */
  isPlain?: boolean
}

/** Share of the picture's long side below which an object is called small, and above which it is called large. */
const SMALL = 0.035
const LARGE = 0.16

/** Longest text that a caption repeats in full, in words. */
const QUOTED_WORDS = 5

/** As much of a text as a caption repeats. */
export const quote = (text: string): string => text.split(' ').slice(0, QUOTED_WORDS).join(' ')

/**
 * One caption each, in order: kinds and colours where these are enough, the text where they are not.
 * `share`: the object's longer side as a share of the picture's.
 */
export function writeCaptions(objects: readonly (Facts & { share: number })[], random: Random): string[] {
  const count = (matches: (facts: Facts) => boolean) => objects.filter(matches).length
  return objects.map((facts) => {
    const { kind, color, text, share, isPlain, also } = facts
    const size = share < SMALL ? 'small ' : share > LARGE ? 'large ' : ''
    const shade = isPlain ? '' : `${color} `
    const others = also ? [also] : []
    const isAlone = count((other) => other.kind === kind && other.color === color) === 1
    if (text === undefined) {
      const seen = isAlone ? [`the ${color} ${kind}`, `the ${size}${color} ${kind}`] : []
      return pick(random, [...seen, ...others])
    }
    const quoted = quote(text)
    const says = quoted === text ? 'that says' : 'that begins with'
    const options = [
      withArticle(`${size}${kind} ${says} ${quoted}`),
      `the ${shade}${kind} ${says} ${quoted}`,
      withArticle(`${size}${shade}${kind} ${says} ${quoted}`),
      ...others,
    ]
    // The colour alone is enough for one object in a few: the text must be read for most.
    if (!isPlain && isAlone) options.push(`the ${color} ${kind}`)
    return pick(random, options)
  })
}
