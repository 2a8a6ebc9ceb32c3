// Which words and colour + object combinations are held out: decided by a hash, so that lists may grow.
// Hash: FNV-1a, 32 bits.
import type { Random } from '@ps3js/tensor'
import { COLOR_NAMES, type ColorName } from './colors.ts'
import type { Split } from './types.ts'

/** One word and one combination in so many is held out. */
const HELD_OUT_EVERY = 5

/** Chosen so that every list of words has enough of both splits, and what people try first (STOP, OPEN) is trained. */
const SALT = '254'

function hash(text: string): number {
  let h = 0x811c9dc5
  for (const byte of SALT + text) h = Math.imul(h ^ byte.charCodeAt(0), 0x01000193)
  // FNV's low bits are weak for texts as short as these.
  return (h ^ (h >>> 15)) >>> 0
}

/** The split of one word or number; case and punctuation make no other word of it. */
export function splitOfWord(word: string): Split {
  const letters = word.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return hash(letters) % HELD_OUT_EVERY === 0 ? 'heldout' : 'train'
}

/** The split of an object of a colour: two of the ten colours of every kind are held out. */
export function splitOfCombination(color: ColorName, kind: string): Split {
  return (COLOR_NAMES.indexOf(color) + hash(kind)) % HELD_OUT_EVERY === 0 ? 'heldout' : 'train'
}

/** The colours that objects of a kind have in a split, without `except`. */
export function colorsOf(kind: string, split: Split, except: readonly ColorName[] = []): ColorName[] {
  return COLOR_NAMES.filter((color) => splitOfCombination(color, kind) === split && !except.includes(color))
}

/** One of `items`, which must not be empty. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.integer(items.length)]!
}
