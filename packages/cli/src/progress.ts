// One line of progress that is written over and over on a terminal, and nothing anywhere else.

/** Shortest time between two redraws in milliseconds. */
const INTERVAL = 80

export class Progress {
  readonly #write: ((text: string) => void) | null
  readonly #columns: () => number
  #last = Number.NEGATIVE_INFINITY
  #shown = false

  /** `write` is null where nobody watches. */
  constructor(write: ((text: string) => void) | null, columns: () => number = () => 80) {
    this.#write = write
    this.#columns = columns
  }

  /** Shows a step; with `fraction` (0..1) also how far it is. Redraws are limited in number, new steps are not. */
  step(text: string, fraction?: number): void {
    if (!this.#write) return
    const now = performance.now()
    if (fraction !== undefined && fraction < 1 && now - this.#last < INTERVAL) return
    this.#last = now
    const percent = fraction === undefined ? '' : ` ${Math.floor(fraction * 100)} %`
    const line = `${text}${percent}`.replaceAll(/\s+/g, ' ').slice(0, Math.max(this.#columns() - 1, 10))
    this.#write(`\r\u001b[2K${line}`)
    this.#shown = true
  }

  /** Wipes the line, so that what is printed next stands alone. */
  clear(): void {
    if (this.#write && this.#shown) this.#write('\r\u001b[2K')
    this.#shown = false
  }
}
