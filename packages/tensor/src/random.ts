// Seeded random numbers, equal on every backend: they are drawn in JavaScript and then uploaded.
// sfc32 by Chris Doty-Humphrey (PractRand), seeded by splitmix32; normals by Box-Muller.

/** JSON-serialisable state of a generator. */
export type RandomState = readonly [number, number, number, number]

/** A small, fast, seedable generator. The same seed gives the same stream on every machine and backend. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter: number

  constructor(seed: number | RandomState) {
    if (typeof seed !== 'number') {
      ;[this.#a, this.#b, this.#c, this.#counter] = seed
      return
    }
    let z = seed | 0
    const splitmix = () => {
      z = (z + 0x9e3779b9) | 0
      let t = z ^ (z >>> 16)
      t = Math.imul(t, 0x21f0aaad)
      t ^= t >>> 15
      t = Math.imul(t, 0x735a2d97)
      return (t ^ (t >>> 15)) | 0
    }
    this.#a = splitmix()
    this.#b = splitmix()
    this.#c = splitmix()
    this.#counter = 1
    for (let i = 0; i < 12; i++) this.uint32()
  }

  /** Everything needed to continue this stream later: `new Random(state)`. */
  get state(): RandomState {
    return [this.#a, this.#b, this.#c, this.#counter]
  }

  /** Uniform integer in [0, 2^32). */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return t >>> 0
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }

  /** Uniform integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound)
  }

  /** Fills with normals of the given standard deviation, in place. */
  fillNormal(values: Float32Array, std = 1, mean = 0): Float32Array {
    for (let i = 0; i < values.length; i += 2) {
      const radius = std * Math.sqrt(-2 * Math.log(1 - this.uint32() / 4294967296))
      const angle = (2 * Math.PI * this.uint32()) / 4294967296
      values[i] = mean + radius * Math.cos(angle)
      if (i + 1 < values.length) values[i + 1] = mean + radius * Math.sin(angle)
    }
    return values
  }

  /** Fills with uniforms in [low, high), in place. */
  fillUniform(values: Float32Array, low = 0, high = 1): Float32Array {
    for (let i = 0; i < values.length; i++) values[i] = low + ((high - low) * this.uint32()) / 4294967296
    return values
  }

  /** Fisher-Yates, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const t = items[i]!
      items[i] = items[j]!
      items[j] = t
    }
    return items
  }
}
