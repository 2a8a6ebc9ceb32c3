// Text cleaning before tokenizing, equal to the reference tokenizer's: mojibake, HTML entities, case, white space.
// Source: NVlabs/PS3 tokenization_ps3.py, after open_clip's tokenizer and big_vision's canonicalize_text.

import { ConfigError, InvalidArgumentError } from '@ps3js/tensor'
import { fix_text } from 'ftfy-js'
import { unescapeHtml } from './html-unescape.ts'

/**
 * - `canonicalize`: '_' becomes a space, ASCII punctuation goes, lower case, single spaces (SigLIP and SigLIP2);
 * - `lower`: lower case, single spaces;
 * - `whitespace`: single spaces;
 * - `basic`: only what all of them begin with: mojibake and HTML entities repaired, ends stripped.
 */
export type CleanMode = 'canonicalize' | 'lower' | 'whitespace' | 'basic'

export const CLEAN_MODES: readonly CleanMode[] = ['canonicalize', 'lower', 'whitespace', 'basic']

// What Python's str.isspace() accepts. JavaScript's \s lacks U+001C..U+001F and U+0085, and adds U+FEFF.
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const SPACES = new RegExp(SPACE, 'g')
const OUTER_SPACES = new RegExp(`^${SPACE}|${SPACE}$`, 'g')
const ASCII_PUNCTUATION = /[!-/:-@[-`{-~]/g

const stripSpaces = (text: string): string => text.replace(OUTER_SPACES, '')
const collapseSpaces = (text: string): string => stripSpaces(text).replace(SPACES, ' ')

/**
 * ftfy.fix_text. Its mojibake patterns look for white space, as JavaScript sees it in this port; the characters
 * on which Python disagrees are ones that ftfy later drops, so they are exchanged beforehand for others that it
 * drops too and on which both agree.
 */
function fixText(text: string): string {
  return fix_text(text.replace(/[\x1c-\x1f]/g, '\v').replaceAll('\ufeff', '\ufff9'))
}

function basicClean(text: string): string {
  return stripSpaces(unescapeHtml(unescapeHtml(fixText(text))))
}

/**
 * Cleans one text as the tokenizer of a PS3 checkpoint does.
 *
 * @throws InvalidArgumentError when `text` is not a string; ConfigError when `mode` is unknown.
 */
export function cleanText(text: string, mode: CleanMode): string {
  if (typeof text !== 'string') throw new InvalidArgumentError(`text must be a string, not ${describe(text)}`)
  switch (mode) {
    case 'basic':
      return basicClean(text)
    case 'whitespace':
      return collapseSpaces(basicClean(text))
    case 'lower':
      return collapseSpaces(basicClean(text)).toLowerCase()
    case 'canonicalize':
      return collapseSpaces(
        basicClean(text).replaceAll('_', ' ').replace(ASCII_PUNCTUATION, '').toLowerCase(),
      )
    default:
      throw new ConfigError(
        `unknown text cleaning ${JSON.stringify(mode)}: use one of ${CLEAN_MODES.join(', ')}`,
      )
  }
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}
