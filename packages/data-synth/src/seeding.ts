// One generator per picture, so that picture i of seed s is the same whoever draws it, and in whatever order.
import { Random } from '@ps3js/tensor'

/** The generator of picture `index` of `seed`. Both are integers in [0, 2^32). */
export function pictureRandom(seed: number, index: number): Random {
  // The index replaces one word of a seeded state: streams of neighbouring indices have nothing in common after mixing.
  const [a, b, c] = new Random(seed).state
  const random = new Random([a, b, c ^ index, 1])
  for (let i = 0; i < 15; i++) random.uint32()
  return random
}
