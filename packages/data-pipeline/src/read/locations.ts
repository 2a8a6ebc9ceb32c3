// Where shards lie: paths and addresses with braces, as WebDataset writes them.

import { InvalidArgumentError } from '@ps3js/tensor'

/** More shards than any dataset has: braces that multiply out to more are a mistake. */
const MOST_SHARDS = 1_000_000

/**
 * Expands braces: `{000000..000012}` counts (with leading zeros as written), `{a,b}` lists. Several multiply out.
 *
 * @throws InvalidArgumentError for ranges that run backwards or make more than a million names
 */
export function expandBraces(pattern: string): string[] {
  const match = /\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}/.exec(pattern)
  if (!match) return [pattern]
  const [whole, first, last, list] = match
  const parts = list !== undefined ? list.split(',') : countUp(pattern, first!, last!)
  const before = pattern.slice(0, match.index)
  const rest = expandBraces(pattern.slice(match.index + whole.length))
  if (parts.length * rest.length > MOST_SHARDS) {
    throw new InvalidArgumentError(
      `${displayName(pattern)} stands for more than ${MOST_SHARDS} files; check its braces`,
    )
  }
  return parts.flatMap((part) => rest.map((end) => before + part + end))
}

function countUp(pattern: string, first: string, last: string): string[] {
  const [from, to] = [Number(first), Number(last)]
  if (to < from || to - from >= MOST_SHARDS) {
    throw new InvalidArgumentError(
      `${displayName(pattern)}: {${first}..${last}} must count up, to at most ${MOST_SHARDS} files`,
    )
  }
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i).padStart(first.length, '0'))
}

export const isWebAddress = (location: string): boolean => /^https?:\/\//i.test(location)

/** How messages call a location: without the query of an address, where signatures and keys stand. */
export function displayName(location: string): string {
  if (!isWebAddress(location)) return location
  const bare = location.replace(/[?#].*$/s, '')
  return bare.replace(/^(https?:\/\/)[^/@]*@/i, '$1')
}
