// Text out of a stream of tokens: a character may span several tokens, and a stop string may, too.

import type { TextTokenizer } from './tokenizer.ts'

/** What the decoder writes for bytes that are no character yet. */
const INCOMPLETE = '\ufffd'

export class StreamDecoder {
  readonly #tokenizer: Pick<TextTokenizer, 'decode'>
  readonly #stops: readonly string[]
  readonly #ids: number[] = []
  /** Tokens from here on are decoded together with the new ones, since spaces depend on neighbours. */
  #context = 0
  /** Tokens before here have been given as text. */
  #given = 0
  /** Text that may turn out to begin a stop string. */
  #held = ''
  #stopped = false

  constructor(tokenizer: Pick<TextTokenizer, 'decode'>, stops: readonly string[] = []) {
    this.#tokenizer = tokenizer
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** Whether a stop string was reached; nothing of it or after it is given. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Takes a token and gives the text that is certain now, often none. */
  push(id: number): string {
    this.#ids.push(id)
    const before = this.#tokenizer.decode(this.#ids.slice(this.#context, this.#given))
    const after = this.#tokenizer.decode(this.#ids.slice(this.#context))
    if (after.length <= before.length || after.endsWith(INCOMPLETE)) return ''
    this.#context = this.#given
    this.#given = this.#ids.length
    return this.#release(after.slice(before.length))
  }

  /** What is left when no more tokens come. */
  finish(): string {
    if (this.#stopped) return ''
    const before = this.#tokenizer.decode(this.#ids.slice(this.#context, this.#given))
    const after = this.#tokenizer.decode(this.#ids.slice(this.#context))
    const rest = this.#release(after.slice(before.length))
    const held = this.#stopped ? '' : this.#held
    this.#held = ''
    return rest + held
  }

  #release(text: string): string {
    if (this.#stopped) return ''
    const all = this.#held + text
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0)
    if (found.length > 0) {
      this.#stopped = true
      this.#held = ''
      return all.slice(0, Math.min(...found))
    }
    const certain = all.length - Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)))
    this.#held = all.slice(certain)
    return all.slice(0, certain)
  }
}

/** Length of the longest end of `text` with which `stop` begins. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
