// HTML character references as Python's html.unescape reads them, which text models were trained with.
// Rules: https://docs.python.org/3/library/html.html#html.unescape; names: the WHATWG table in `entities`.

// Version 6, as 7.0 and 8.0 misread "&Yumlx;" and two more, and later ones have no CommonJS form.
import { decodeHTML } from 'entities'

// At most 32 characters of a name are looked at, and a name ends at white space, '<', '&', '#' or ';'.
const REFERENCE = /&(?:#([0-9]+);?|#[xX]([0-9a-fA-F]+);?|[^\t\n\f <&#;]{1,32};?)/gu

// Bytes 0x80-0x9F name Windows-1252 characters; the five that it leaves out stand for themselves.
const WINDOWS_1252 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
  '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178'

function fromCodePoint(code: number): string {
  if (code >= 0x80 && code <= 0x9f) return WINDOWS_1252[code - 0x80]!
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd'
  if (code === 0x0d) return '\r'
  const isControl = code < 0x20 ? code !== 0x09 && code !== 0x0a && code !== 0x0c : code === 0x7f
  const isNonCharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe
  return isControl || isNonCharacter ? '' : String.fromCodePoint(code)
}

/**
 * Replaces `&name;`, `&#65;` and `&#x41;`, also without the semicolon where HTML allows it (`&notit;` is `¬it;`).
 * References to control characters and non-characters vanish, as in Python and unlike in a browser.
 */
export function unescapeHtml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(REFERENCE, (reference, decimal?: string, hexadecimal?: string) => {
    if (decimal !== undefined) return fromCodePoint(Number.parseInt(decimal, 10))
    if (hexadecimal !== undefined) return fromCodePoint(Number.parseInt(hexadecimal, 16))
    return decodeHTML(reference)
  })
}
