// A strict JSON reader for headers that may be hostile: it sees what JSON.parse hides (duplicate names, how a number
// was written). RFC 8259, with the limits of the Rust library's reader (serde_json): depth 128, no lone surrogates.

/** A number as it was written. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }

  /** The value when it is written as a plain integer from 0 to 2^53 - 1, else undefined. */
  get unsigned(): number | undefined {
    if (!/^(0|[1-9][0-9]*)$/.test(this.text)) return undefined
    const value = Number(this.text)
    return Number.isSafeInteger(value) ? value : undefined
  }
}

export type JsonObject = Map<string, JsonValue>
export type JsonValue = null | boolean | string | JsonNumber | JsonValue[] | JsonObject

/** What is wrong with a text, and at which character. */
export class JsonProblem extends Error {
  constructor(problem: string, position: number) {
    super(`${problem} at character ${position}`)
  }
}

const maxDepth = 128
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const plainString = /"[^"\\\u0000-\u001f]*"/y
const anyString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const space = /[ \t\n\r]*/y

/** Reads a whole text; objects become Maps in file order, and a name that comes twice in one object is refused. */
export function parseStrictJson(text: string): JsonValue {
  let at = 0

  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }

  function skipSpace(): void {
    const code = text.charCodeAt(at)
    if (code === 32 || code === 10 || code === 13 || code === 9) match(space)
  }

  function string(): string {
    const start = at
    const plain = match(plainString)
    if (plain !== undefined) return plain.slice(1, -1)
    const escaped = match(anyString)
    if (escaped === undefined) throw new JsonProblem('a string is not closed or holds a bad character', start)
    const value = JSON.parse(escaped) as string
    if (/\p{Surrogate}/u.test(value)) throw new JsonProblem('a string holds half a surrogate pair', start)
    return value
  }

  function object(depth: number): JsonObject {
    const members: JsonObject = new Map()
    at++
    skipSpace()
    if (text[at] === '}') {
      at++
      return members
    }
    for (;;) {
      skipSpace()
      const start = at
      if (text[at] !== '"') throw new JsonProblem('expected a name in quotes', at)
      const name = string()
      skipSpace()
      if (text[at] !== ':') throw new JsonProblem('expected ":"', at)
      at++
      if (members.has(name))
        throw new JsonProblem(`the name ${JSON.stringify(shorten(name))} comes twice`, start)
      members.set(name, value(depth + 1))
      skipSpace()
      const next = text[at++]
      if (next === '}') return members
      if (next !== ',') throw new JsonProblem('expected "," or "}"', at - 1)
    }
  }

  function array(depth: number): JsonValue[] {
    const items: JsonValue[] = []
    at++
    skipSpace()
    if (text[at] === ']') {
      at++
      return items
    }
    for (;;) {
      items.push(value(depth + 1))
      skipSpace()
      const next = text[at++]
      if (next === ']') return items
      if (next !== ',') throw new JsonProblem('expected "," or "]"', at - 1)
    }
  }

  function value(depth: number): JsonValue {
    if (depth > maxDepth) throw new JsonProblem(`nested deeper than ${maxDepth}`, at)
    skipSpace()
    const first = text[at]
    if (first === '{') return object(depth)
    if (first === '[') return array(depth)
    if (first === '"') return string()
    for (const [word, meaning] of [
      ['null', null],
      ['true', true],
      ['false', false],
    ] as const) {
      if (text.startsWith(word, at)) {
        at += word.length
        return meaning
      }
    }
    const start = at
    const digits = match(number)
    if (digits === undefined) {
      throw new JsonProblem(at >= text.length ? 'the text ends too early' : 'expected a value', start)
    }
    return new JsonNumber(digits)
  }

  const result = value(0)
  skipSpace()
  if (at !== text.length) throw new JsonProblem('something follows the value', at)
  return result
}

/** A name short enough for a message. */
export function shorten(text: string, length = 120): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`
}
